/** A column that lies in the order of `__row`, as vectors of the rows that are asked for. */
import {chunkRows, type WrittenColumn} from "../raw-vectors.js";

export class RowColumn {
  /** Used again for the next vector: DuckDB has copied them by then. */
  private readonly data: ArrayBuffer;
  private readonly validity = new ArrayBuffer(chunkRows / 8);

  /**
   * @param bytes of all values, `width` each
   * @param present a bit for each, 0 for NULL
   */
  constructor(
    private readonly width: number,
    private readonly bytes: Uint8Array,
    private readonly present: Uint8Array,
  ) {
    this.data = new ArrayBuffer(chunkRows * width);
  }

  /** Any rows, at most `chunkRows`. */
  read(numbers: BigInt64Array): WrittenColumn {
    const {width, bytes, present, data, validity} = this;
    const halves = new Int32Array(numbers.buffer, numbers.byteOffset, 2 * numbers.length);
    const first = halves[0] ?? 0;
    const valid = new Uint8Array(validity).fill(0);
    let isRun = true;
    for (let at = 0; at < numbers.length; at += 1) {
      const row = halves[2 * at]!;
      valid[at >> 3]! |= ((present[row >> 3]! >> (row & 7)) & 1) << (at & 7);
      isRun &&= row === first + at;
    }
    const written = new Uint8Array(data);
    // Rows mostly come as they lie.
    if (isRun) written.set(bytes.subarray(first * width, (first + numbers.length) * width));
    else {
      for (let at = 0; at < numbers.length; at += 1) {
        const from = halves[2 * at]! * width;
        for (let byte = 0; byte < width; byte += 1) written[at * width + byte] = bytes[from + byte]!;
      }
    }
    return {data, bytes: numbers.length * width, validity, child: undefined};
  }
}
