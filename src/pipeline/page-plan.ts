/**
 * Which pages a file gets, and in which shards their vectors are gathered: a shard is a run of pages, in the order in which they are
 * written, whose distinct vectors fit into their part of memory.
 */
import type {IdColumn} from "./enrich-ids.js";

/** A column's ids, as numbers of the vectors that its file needs. */
export interface PlannedColumn {
  /** Which of the pools its vectors are in. */
  readonly pool: number;
  readonly ids: IdColumn;
  /** Of `dot` and `cosine`: in the same pool. */
  readonly otherIds: IdColumn | undefined;
  readonly pageRowsMax: number;
}

export interface PagePlan {
  readonly pages: readonly PlannedPage[];
  readonly shards: readonly Shard[];
}

export interface PlannedPage {
  readonly column: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

/** Pages `[start, end)`. */
export interface Shard {
  readonly start: number;
  readonly end: number;
  /** The vectors it needs, of each pool, in ascending order. */
  readonly wanted: readonly Int32Array[];
}

/** A pool's vectors, and how many of them one shard may need; a row that needs more makes a shard by itself. */
export interface PoolSize {
  readonly vectorCount: number;
  readonly shardVectorsMax: number;
}

/** Distinct numbers below a bound, counted shard by shard without clearing. */
class Counter {
  private readonly marks: Int32Array;
  private mark = 1;
  count = 0;

  constructor(numberEnd: number) {
    this.marks = new Int32Array(numberEnd);
  }

  add(number: number): void {
    if (this.marks[number] === this.mark) return;
    this.marks[number] = this.mark;
    this.count++;
  }

  has(number: number): boolean {
    return this.marks[number] === this.mark;
  }

  take(): Int32Array {
    const numbers = new Int32Array(this.count);
    let next = 0;
    for (let number = 0; next < this.count; number++) if (this.marks[number] === this.mark) numbers[next++] = number;
    this.mark++;
    this.count = 0;
    return numbers;
  }
}

export function planPages(columns: readonly PlannedColumn[], pools: readonly PoolSize[], rowGroupRows: readonly number[]): PagePlan {
  const counters = pools.map(({vectorCount}) => new Counter(vectorCount));
  const pages: PlannedPage[] = [];
  const shards: Shard[] = [];
  let shardStart = 0;
  const endShard = (): void => {
    if (pages.length > shardStart) shards.push({start: shardStart, end: pages.length, wanted: counters.map((counter) => counter.take())});
    shardStart = pages.length;
  };
  let groupStart = 0;
  for (const groupRows of rowGroupRows) {
    const groupEnd = groupStart + groupRows;
    for (const [number, column] of columns.entries()) {
      const counter = counters[column.pool]!;
      const vectorsMax = pools[column.pool]!.shardVectorsMax;
      let rowStart = groupStart;
      for (let row = groupStart; row < groupEnd; row++) {
        // A row's ids are at most that many new vectors: only when they might not fit does it matter how many are.
        const isFull = counter.count + idCount(column, row) > vectorsMax && counter.count + newCount(column, row, counter) > vectorsMax;
        if (row - rowStart === column.pageRowsMax || (isFull && row > rowStart)) {
          pages.push({column: number, rowStart, rowEnd: row});
          rowStart = row;
        }
        if (isFull) endShard();
        addRow(column, row, counter);
      }
      if (groupEnd > rowStart) pages.push({column: number, rowStart, rowEnd: groupEnd});
    }
    groupStart = groupEnd;
  }
  endShard();
  return {pages, shards};
}

function idCount({ids, otherIds}: PlannedColumn, row: number): number {
  const countOf = (column: IdColumn | undefined): number => (column ? column.offsets[row + 1]! - column.offsets[row]! : 0);
  return countOf(ids) + countOf(otherIds);
}

function newCount({ids, otherIds}: PlannedColumn, row: number, counter: Counter): number {
  const numbers = new Set<number>();
  for (const column of otherIds ? [ids, otherIds] : [ids]) {
    for (let k = column.offsets[row]!; k < column.offsets[row + 1]!; k++) {
      const number = column.positions[k]!;
      if (number !== -1 && !counter.has(number)) numbers.add(number);
    }
  }
  return numbers.size;
}

function addRow({ids, otherIds}: PlannedColumn, row: number, counter: Counter): void {
  for (let k = ids.offsets[row]!; k < ids.offsets[row + 1]!; k++) if (ids.positions[k] !== -1) counter.add(ids.positions[k]!);
  if (!otherIds) return;
  for (let k = otherIds.offsets[row]!; k < otherIds.offsets[row + 1]!; k++) if (otherIds.positions[k] !== -1) counter.add(otherIds.positions[k]!);
}
