/** V8 looks for garbage when its own heap fills up, or starts to search all of it when buffers of other memory seem to be many. */
import {setFlagsFromString} from "node:v8";
import {runInNewContext} from "node:vm";

let found: ((options: {readonly type: "major" | "minor"}) => void) | undefined;

/** Bytes that nobody holds any more, or soon will not: at so many of them V8 is made to look. */
export class GarbageCount {
  private bytes = 0;

  constructor(
    private readonly type: "major" | "minor",
    private readonly bytesMax: number,
  ) {}

  note(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < this.bytesMax) return;
    this.bytes = 0;
    collectGarbage(this.type);
  }
}

/** Only what the functions that are running do not hold. `minor`: of what is young, which takes less than a millisecond. */
export function collectGarbage(type: "major" | "minor"): void {
  if (!found) {
    setFlagsFromString("--expose-gc");
    found = runInNewContext("gc") as NonNullable<typeof found>;
    setFlagsFromString("--no-expose-gc");
  }
  found({type});
}
