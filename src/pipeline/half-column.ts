/**
 * Vectors of halves, read from parquet as they lie there. DuckDB has no halves: it makes floats of them, which costs more than all else
 * that a store's build does.
 */
import {DaedalusError} from "../errors.js";
import {halfInfinity} from "./half-float.js";
import {findHalfChunks, readHalfPages, type HalfChunks, type HalfPage} from "./half-pages.js";
import type {VectorProblem} from "./vector-rounding.js";

/** Vectors that are handed over at once. */
const runBytesMax = 8 << 20;

const noPage: HalfPage = {repetition: Buffer.alloc(0), definition: undefined, values: new Uint8Array(0), groupRows: undefined, path: "", levels: {list: 0, value: 1}};

/** The row that is read. */
interface Row {
  length: number;
  isMissing: boolean;
  hasNull: boolean;
}

export class HalfColumn {
  private readonly pages: AsyncGenerator<HalfPage, undefined>;
  private page = noPage;
  /** Of the page: the next value, and how many of those before it are there. */
  private next = 0;
  private taken = 0;
  /** Of the row group. */
  private rowsLeft = 0;
  private row: Row = {length: 0, isMissing: false, hasNull: false};
  private readonly runRowsMax: number;
  private values = new Uint16Array(0);
  private problems: (VectorProblem | undefined)[] = [];

  private constructor(
    private readonly parts: readonly HalfChunks[],
    private readonly dimension: number,
  ) {
    this.pages = readHalfPages(parts);
    this.runRowsMax = Math.max(1, Math.floor(runBytesMax / (dimension * 2)));
  }

  /** Undefined where one of the files has the column in another way than as lists of halves in pages that are read here. */
  static async open(files: readonly string[], column: string, dimension: number): Promise<HalfColumn | undefined> {
    const parts: HalfChunks[] = [];
    for (const file of files) {
      const part = await findHalfChunks(file, column);
      if (!part) return undefined;
      parts.push(part);
    }
    return new HalfColumn(parts, dimension);
  }

  /** Vectors of the next rows; what one holds must be copied before the next run is asked for. */
  async *runs(rowCount: number): AsyncGenerator<Iterable<Uint16Array | VectorProblem>> {
    for (let done = 0; done < rowCount; done += this.runRowsMax) {
      const count = Math.min(this.runRowsMax, rowCount - done);
      await this.fill(count);
      yield this.run(count);
    }
  }

  async close(): Promise<void> {
    await this.pages.return(undefined);
  }

  private async fill(rowCount: number): Promise<void> {
    if (this.values.length < rowCount * this.dimension) this.values = new Uint16Array(Math.ceil((rowCount * this.dimension) / 2) * 2);
    this.problems = [];
    for (let row = 0; row < rowCount; row++) {
      if (this.next === this.page.repetition.length) await this.turnPage();
      if (this.page === noPage) throw wrongRows(this.parts.at(-1)!.path);
      this.rowsLeft--;
      this.row = {length: 0, isMissing: false, hasNull: false};
      this.take(row, this.next + 1);
      while (this.next === this.page.repetition.length && (await this.turnPage()) && this.page.groupRows === undefined && this.page.repetition[0] !== 0) this.take(row, 0);
      this.problems[row] = this.problem();
    }
  }

  private problem(): VectorProblem | undefined {
    const {length, isMissing, hasNull} = this.row;
    if (isMissing) return "missing";
    if (length !== this.dimension) return "length";
    return hasNull ? "value" : undefined;
  }

  private async turnPage(): Promise<boolean> {
    do {
      const {path} = this.page;
      const next = await this.pages.next();
      this.page = next.done ? noPage : next.value;
      if (this.page.groupRows !== undefined) {
        // Rows too many or too few would give all that follow the ids of others.
        if (this.rowsLeft !== 0) throw wrongRows(path);
        this.rowsLeft = this.page.groupRows;
      }
    } while (this.page !== noPage && this.page.repetition.length === 0);
    this.next = 0;
    this.taken = 0;
    return this.page !== noPage;
  }

  /** Takes what the page has of a row; the next one begins at the first repetition level of 0 from `searchFrom` on. */
  private take(row: number, searchFrom: number): void {
    const {repetition, values} = this.page;
    const found = repetition.indexOf(0, searchFrom);
    const end = found === -1 ? repetition.length : found;
    const {length, count} = this.look(end);
    if (count === length && this.row.length + length <= this.dimension) {
      const bytes = new Uint8Array(this.values.buffer, (row * this.dimension + this.row.length) * 2, count * 2);
      bytes.set(values.subarray(this.taken * 2, (this.taken + count) * 2));
    }
    this.next = end;
    this.taken += count;
    this.row.length += length;
  }

  /** Numbers of the row until `end`, NULL ones included, and those that are there. */
  private look(end: number): {length: number; count: number} {
    const {definition, levels} = this.page;
    const length = end - this.next;
    if (!definition) return {length, count: length};
    if (definition[this.next]! <= levels.list) {
      this.row.isMissing = definition[this.next]! < levels.list;
      return {length: 0, count: 0};
    }
    let count = 0;
    for (let k = this.next; k < end; k++) if (definition[k] === levels.value) count++;
    this.row.hasNull ||= count < length;
    return {length, count};
  }

  private *run(rowCount: number): Generator<Uint16Array | VectorProblem> {
    const {values, dimension, problems} = this;
    const isClean = !hasSpecial(new Uint32Array(values.buffer, 0, Math.ceil((rowCount * dimension) / 2)));
    for (let row = 0; row < rowCount; row++) {
      const vector = values.subarray(row * dimension, (row + 1) * dimension);
      yield problems[row] ?? (isClean || vector.every(isFinite) ? vector : "value");
    }
  }
}

const wrongRows = (path: string): DaedalusError => DaedalusError.of("file-unreadable", {path, reason: "its pages do not hold as many rows as its footer says"});

const isFinite = (bits: number): boolean => (bits & halfInfinity) !== halfInfinity;

/** Whether one of two halves in a word is infinite or NaN: a magnitude from 0x7c00 on carries into the sign's place. */
function hasSpecial(words: Uint32Array): boolean {
  let found = 0;
  for (let k = 0; k < words.length; k++) found |= (words[k]! & 0x7fff_7fff) + 0x0400_0400;
  return (found & 0x8000_8000) !== 0;
}
