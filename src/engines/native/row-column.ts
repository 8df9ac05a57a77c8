/** A column that lies in the order of `__row`, as vectors of the rows that are asked for. */
import {chunkRows, viewHalves, type WrittenColumn} from "../raw-vectors.js";
import type {RowValues} from "./newest-versions.js";

export class RowColumn {
  /** Used again for the next vector: DuckDB has copied them by then. */
  private readonly data: ArrayBuffer;
  private readonly validity = new ArrayBuffer(chunkRows / 8);

  /** @param width of a value, in bytes */
  constructor(
    private readonly width: number,
    private readonly values: RowValues,
  ) {
    this.data = new ArrayBuffer(chunkRows * width);
  }

  /** Any rows, at most `chunkRows`. */
  read(numbers: BigInt64Array): WrittenColumn {
    const {width, values, data, validity} = this;
    const {present} = values;
    const halves = viewHalves(numbers);
    const first = halves[0] ?? 0;
    const valid = new Uint8Array(validity).fill(0);
    let isRun = true;
    for (let at = 0; at < numbers.length; at += 1) {
      const row = halves[2 * at]!;
      valid[at >> 3]! |= ((present[row >> 3]! >> (row & 7)) & 1) << (at & 7);
      isRun &&= row === first + at;
    }
    if (values.width < width) this.widen(halves);
    // Rows mostly come as they lie.
    else if (isRun) new Uint8Array(data).set(values.bytes.subarray(first * width, (first + numbers.length) * width));
    else this.gather(halves);
    return {data, bytes: numbers.length * width, validity, child: undefined};
  }

  private widen(halves: Int32Array): void {
    const {buffer, byteOffset, byteLength} = this.values.bytes;
    const [written, narrow] = [new Int32Array(this.data), new Int32Array(buffer, byteOffset, byteLength / 4)];
    for (let at = 0; at < halves.length; at += 2) {
      const value = narrow[halves[at]!]!;
      written[at] = value;
      written[at + 1] = value >> 31;
    }
  }

  private gather(halves: Int32Array): void {
    const {width, values: {bytes}} = this;
    const written = new Uint8Array(this.data);
    for (let at = 0; at < halves.length / 2; at += 1) {
      const from = halves[2 * at]! * width;
      for (let byte = 0; byte < width; byte += 1) written[at * width + byte] = bytes[from + byte]!;
    }
  }
}
