/**
 * Sorting by a list costs more than all else, and matters only where two rows are alike in key, instant and declared order and differ
 * in the list. So the history is sorted without it, and when such rows are met after all, the caller begins again with the whole order. Kernels
 * that sort compare the lists themselves; where DuckDB sorts, two hashes travel with each row.
 */
import type {RawChunk} from "../raw-vectors.js";

export class ValueTie extends Error {}

export class TieCheck {
  private key = -1;
  private ts = NaN;
  private place = NaN;
  /** 0: no value yet. */
  private value = 0;

  /**
   * The last two columns are the hashes of the declared order and of the value, 0 where the value is not kept.
   * @throws ValueTie when the order of two rows is up to their values
   */
  look({rowCount, columns}: RawChunk): void {
    const doubles = (at: number): Float64Array => new Float64Array(columns.at(at)!.data.buffer, columns.at(at)!.data.byteOffset, rowCount);
    const keys = new Int32Array(columns[0]!.data.buffer, columns[0]!.data.byteOffset, rowCount);
    const [instants, places, values] = [doubles(1), doubles(-2), doubles(-1)];
    let {key, ts, place, value} = this;
    for (let row = 0; row < rowCount; row += 1) {
      if (keys[row] !== key || instants[row] !== ts || places[row] !== place) {
        key = keys[row]!;
        ts = instants[row]!;
        place = places[row]!;
        value = values[row]!;
      } else if (values[row] !== 0) {
        if (value !== 0 && value !== values[row]) throw new ValueTie();
        value = values[row]!;
      }
    }
    Object.assign(this, {key, ts, place, value});
  }
}
