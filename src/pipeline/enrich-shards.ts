/**
 * Shards of a file: contiguous rows whose vectors fit into memory together. The distinct ids of a shard are gathered once, in the
 * order in which they lie on disk, and serve all columns.
 */
import type {EmbeddingReader, VectorValues} from "../sources/embedding-store.js";
import {halfTable} from "./half-float.js";
import type {IdColumn} from "./enrich-ids.js";
import {HalfVectors} from "./half-vectors.js";

/** The memory of a kernel takes a while to reserve: plain functions are faster for less. */
const kernelVectorsMin = 32;

/** A column's ids, and how much memory one of its vectors takes. */
export interface ShardColumn {
  readonly reader: EmbeddingReader;
  readonly ids: IdColumn;
  /** The column's function wants floats also where the store holds halves: such a pool is held twice. */
  readonly needsFloats: boolean;
}

export interface Shard {
  readonly rowStart: number;
  readonly rowEnd: number;
}

/** The vectors of one store that a shard needs. */
export interface Pool {
  /** Position in the store -> number of the vector; what the shard does not need holds anything. */
  readonly numbers: Int32Array;
  readonly stored: VectorValues;
  /** The same vectors where kernels reach them; undefined for a store of floats, and for few vectors. */
  readonly halves: HalfVectors | undefined;
  /** The same vectors as floats. */
  floats(): Float32Array;
}

/** Distinct positions of a store, counted shard by shard without clearing. */
class Counter {
  private readonly marks: Int32Array;
  private mark = 0;

  constructor(rowCount: number) {
    this.marks = new Int32Array(rowCount);
  }

  reset(): void {
    this.mark++;
  }

  /** Whether the position is new since the last reset. */
  add(position: number): boolean {
    if (this.marks[position] === this.mark) return false;
    this.marks[position] = this.mark;
    return true;
  }

  sorted(): Int32Array {
    let count = 0;
    for (const mark of this.marks) if (mark === this.mark) count++;
    const positions = new Int32Array(count);
    let next = 0;
    for (let position = 0; position < this.marks.length; position++) if (this.marks[position] === this.mark) positions[next++] = position;
    return positions;
  }
}

/** The shards of one file, and the pools of the shard that is being written. */
export class Shards {
  private readonly counters = new Map<EmbeddingReader, Counter>();
  private current: {readonly shard: Shard; readonly pools: ReadonlyMap<EmbeddingReader, Pool>} | undefined;
  readonly all: readonly Shard[];

  constructor(
    private readonly columns: readonly ShardColumn[],
    options: {readonly rowGroupRows: readonly number[]; readonly bytesMax: number},
  ) {
    for (const {reader} of columns) this.counters.set(reader, new Counter(reader.rowCount));
    this.all = this.plan(options.rowGroupRows, options.bytesMax);
  }

  /** The shard that holds a row, with the vectors of that shard and no other in memory. */
  async load(row: number, signal?: AbortSignal): Promise<{readonly shard: Shard; readonly pools: ReadonlyMap<EmbeddingReader, Pool>}> {
    if (this.current && row >= this.current.shard.rowStart && row < this.current.shard.rowEnd) return this.current;
    const shard = this.all.find(({rowStart, rowEnd}) => row >= rowStart && row < rowEnd);
    if (!shard) throw new Error(`row ${row} is in no shard`);
    // Let go of the old vectors before the new ones arrive.
    this.current = undefined;
    const pools = new Map<EmbeddingReader, Pool>();
    for (const [reader, counter] of this.counters) {
      counter.reset();
      for (const column of this.columns) if (column.reader === reader) this.count(column, shard);
      const positions = counter.sorted();
      const numbers = new Int32Array(reader.rowCount);
      for (const [number, position] of positions.entries()) numbers[position] = number;
      const {embeddingDim, embeddingDtype} = reader.store;
      const halves = embeddingDtype === "float16" && positions.length >= kernelVectorsMin ? new HalfVectors(positions.length, embeddingDim) : undefined;
      const stored = await reader.gather(positions, signal, halves?.values);
      pools.set(reader, makePool({numbers, stored, halves}));
    }
    this.current = {shard, pools};
    return this.current;
  }

  /** As long as possible, and cut between row groups where that is possible: columns of one row group then share one gathering. */
  private plan(rowGroupRows: readonly number[], bytesMax: number): Shard[] {
    const shards: Shard[] = [];
    const groupStarts = new Set<number>();
    let rowCount = 0;
    for (const rows of rowGroupRows) {
      groupStarts.add(rowCount);
      rowCount += rows;
    }
    let shardStart = 0;
    let groupStart = 0;
    let byteCount = 0;
    const startShard = (row: number): void => {
      shardStart = row;
      byteCount = 0;
      for (const counter of this.counters.values()) counter.reset();
    };
    startShard(0);
    for (let row = 0; row < rowCount; row++) {
      if (groupStarts.has(row)) groupStart = row;
      byteCount += this.addRow(row);
      if (byteCount <= bytesMax || row === shardStart) continue;
      const cut = groupStart > shardStart ? groupStart : row;
      shards.push({rowStart: shardStart, rowEnd: cut});
      startShard(cut);
      row = cut - 1;
    }
    if (shardStart < rowCount) shards.push({rowStart: shardStart, rowEnd: rowCount});
    return shards;
  }

  /** Bytes of the vectors that a row needs and the shard did not have yet. */
  private addRow(row: number): number {
    return this.columns.reduce((sum, column) => sum + this.count(column, {rowStart: row, rowEnd: row + 1}) * vectorBytes(column), 0);
  }

  private count({reader, ids}: ShardColumn, {rowStart, rowEnd}: Shard): number {
    const counter = this.counters.get(reader)!;
    let count = 0;
    for (let k = ids.offsets[rowStart]!; k < ids.offsets[rowEnd]!; k++) {
      const position = ids.positions[k]!;
      if (position !== -1 && counter.add(position)) count++;
    }
    return count;
  }
}

function vectorBytes({reader, needsFloats}: ShardColumn): number {
  const {embeddingDim, embeddingDtype} = reader.store;
  return embeddingDim * (embeddingDtype === "float32" ? 4 : needsFloats ? 6 : 2);
}

function makePool({numbers, stored, halves}: Pick<Pool, "numbers" | "stored" | "halves">): Pool {
  let floats: Float32Array | undefined;
  return {
    numbers,
    stored,
    halves,
    floats: () => {
      if (stored instanceof Float32Array) return stored;
      const table = halfTable();
      floats ??= Float32Array.from(stored, (bits) => table[bits]!);
      return floats;
    },
  };
}
