/** Columns by row, as DuckDB is given them: rows that follow one another or do not, values that are kept in fewer bytes, NULLs. */
import {describe, expect, it} from "vitest";
import {RowColumn} from "../../src/engines/native/row-column.js";

const kept = {
  long: BigInt64Array.from([5n, -(2n ** 40n), 0n, 2n ** 62n, -7n, 8n, 9n, 10n, 11n, 12n]),
  narrow: Int32Array.from([5, -(2 ** 31), 0, 2 ** 31 - 1, -7, 8, 9, 10, 11, 12]),
  byte: Uint8Array.from([1, 0, 1, 1, 0, 0, 1, 0, 1, 1]),
};
const nullRow = 4;

function read(values: BigInt64Array | Int32Array | Uint8Array, width: number, rows: readonly number[]): (number | null)[] {
  const present = Uint8Array.from([0xff & ~(1 << nullRow), 0xff]);
  const column = new RowColumn(width, {width: values.BYTES_PER_ELEMENT, bytes: new Uint8Array(values.buffer), present});
  const {data, bytes, validity} = column.read(BigInt64Array.from(rows, BigInt));
  expect(bytes).toBe(rows.length * width);
  const written = width === 8 ? new BigInt64Array(data) : width === 4 ? new Int32Array(data) : new Uint8Array(data);
  const bits = new Uint8Array(validity!);
  return rows.map((_, at) => ((bits[at >> 3]! >> (at & 7)) & 1 ? Number(written[at]) : null));
}

describe.each([
  ["of 8 bytes", kept.long, 8],
  ["of 8 bytes that are kept in 4", kept.narrow, 8],
  ["of 4 bytes", kept.narrow, 4],
  ["of a byte", kept.byte, 1],
] as const)("a column %s", (_what, values, width) => {
  it.each([[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]], [[3, 4, 5]], [[9, 0, 4, 3, 3]], [[7]], [[]]])("has the values of rows %j", (rows) => {
    expect(read(values, width, rows)).toEqual(rows.map((row) => (row === nullRow ? null : Number(values[row]))));
  });
});
