/** Rows on their way into a store: known and replaced ones are left out, vectors are checked, and one batch is written while the next is filled. */
import {createHash, type Hash} from "node:crypto";
import type {EmbeddingStore} from "../definitions/model.js";
import {viewItems, viewList, viewText} from "../engines/duckdb/column-view.js";
import {viewBytes} from "../engines/raw-vectors.js";
import type {Problems} from "../errors.js";
import type {IdKind, StoreWriter, VectorValues} from "../sources/embedding-store.js";
import type {IdIndex, StoreIds} from "../sources/id-index.js";
import type {StoreSource} from "./store-source.js";
import {VectorRounding, type VectorProblem} from "./vector-rounding.js";

export interface StoreBatchOptions {
  readonly store: EmbeddingStore;
  readonly source: StoreSource;
  readonly writer: StoreWriter;
  readonly batchRows: number;
  /** Ids that the store has: their rows are passed over. */
  readonly known: IdIndex | undefined;
}

interface Buffer {
  readonly vectors: VectorValues;
  readonly bigints: BigInt64Array;
  texts: string[];
}

type Id = bigint | string | undefined;

export class StoreBatch {
  /** Rows in the store that were not there before. */
  addedCount = 0;
  knownCount = 0;
  /** Of the added rows: a killed build wrote them. */
  resumedCount = 0;
  private readonly rounding: VectorRounding;
  private buffer: Buffer;
  private spare: Buffer | undefined;
  private filled = 0;
  /** Of the filled rows: they are part of the fingerprint already. */
  private hashed = 0;
  private writing: Promise<void> = Promise.resolve();
  private sourceRow = 0;
  /** Of the resumed rows: they have not come by yet. */
  private unseenCount = 0;
  private readonly idHash: Hash = createHash("sha256");
  private readonly vectorHash: Hash = createHash("sha256");
  private readonly found = new Map<VectorProblem, {count: number; readonly examples: string[]}>();

  constructor(private readonly options: StoreBatchOptions) {
    this.rounding = new VectorRounding(options.store, options.source.isDouble);
    this.buffer = this.newBuffer();
  }

  /** Rows that a killed build wrote: they are not written again, and count for the fingerprint. */
  recall(ids: StoreIds, vectors: VectorValues): void {
    this.hash(ids, vectors);
    this.addedCount += ids.length;
    this.resumedCount += ids.length;
    this.unseenCount += ids.length;
  }

  /** Ids, and vectors unless they come from elsewhere. */
  async append(rowCount: number, columns: readonly unknown[]): Promise<void> {
    const {halves, idKind, problems} = this.options.source;
    const idAt = readIds(columns[0], idKind);
    let row = 0;
    for await (const vectors of halves?.runs(rowCount) ?? [this.rounding.round(viewList(columns[1]), rowCount)]) {
      for (const vector of vectors) {
        const id = idAt(row++);
        if (!this.isWanted(id)) continue;
        if (typeof vector === "string") this.count(vector, id);
        // After a problem nothing more is written, the rest is only checked.
        if (typeof vector === "string" || id === undefined || problems.hasErrors || this.found.size > 0) continue;
        this.buffer.vectors.set(vector, this.filled * this.options.store.embeddingDim);
        if (typeof id === "bigint") this.buffer.bigints[this.filled] = id;
        else this.buffer.texts.push(id);
        if (++this.filled === this.options.batchRows) await this.flush();
      }
    }
    this.hashFilled();
  }

  /** Writes what is left. @returns a digest of all ids and vectors that were added, in order */
  async finish(): Promise<string> {
    await this.flush();
    await this.settle();
    return createHash("sha256").update(this.idHash.digest()).update(this.vectorHash.digest()).digest("hex");
  }

  /** Nothing is written any more, whether it went well or not. */
  async settle(): Promise<void> {
    await this.writing;
  }

  reportProblems(problems: Problems): void {
    const {store} = this.options;
    const wordings: Record<VectorProblem, string> = {
      missing: "are NULL",
      length: `do not have the declared ${store.embeddingDim} dimensions`,
      value: "hold NULL, NaN or infinity",
      overflow: `hold numbers too large for ${store.embeddingDtype}`,
    };
    for (const [problem, {count, examples}] of this.found) {
      problems.add("store-source-vectors", {store: store.name, count, examples, problem: wordings[problem]}, store.place);
    }
  }

  private newBuffer(): Buffer {
    const {batchRows, source} = this.options;
    return {vectors: this.rounding.newValues(batchRows), bigints: new BigInt64Array(source.idKind === "bigint" ? batchRows : 0), texts: []};
  }

  private isWanted(id: Id): boolean {
    const {source, known} = this.options;
    if (source.replaced?.has(this.sourceRow++)) return false;
    if (known && id !== undefined && isKnown(known, id)) {
      this.knownCount++;
      return false;
    }
    if (this.unseenCount === 0) return true;
    this.unseenCount--;
    return false;
  }

  private count(problem: VectorProblem, id: Id): void {
    const found = this.found.get(problem) ?? {count: 0, examples: []};
    found.count++;
    if (found.examples.length < 3) found.examples.push(id === undefined ? "NULL" : String(id));
    this.found.set(problem, found);
  }

  private hash(ids: StoreIds, vectors: VectorValues): void {
    this.idHash.update(ids instanceof BigInt64Array ? viewBytes(ids) : ids.map((id) => `${id.length}:${id}`).join(""));
    this.vectorHash.update(viewBytes(vectors));
  }

  /** A little at a time, since nothing else is done here meanwhile. */
  private hashFilled(): void {
    const {ids, vectors} = this.rowsFrom(this.hashed);
    this.hash(ids, vectors);
    this.hashed = this.filled;
  }

  private rowsFrom(start: number): {ids: StoreIds; vectors: VectorValues} {
    const {bigints, texts, vectors} = this.buffer;
    const {source, store} = this.options;
    return {
      ids: source.idKind === "bigint" ? bigints.subarray(start, this.filled) : texts.slice(start),
      vectors: vectors.subarray(start * store.embeddingDim, this.filled * store.embeddingDim),
    };
  }

  /** Begins to write what is here, once what was here before is written. */
  private async flush(): Promise<void> {
    if (this.filled === 0) return;
    const {buffer, filled} = this;
    this.hashFilled();
    const {ids, vectors} = this.rowsFrom(0);
    await this.writing;
    this.writing = this.options.writer.add(ids, vectors);
    // Whoever waits for it next learns of a failure.
    this.writing.catch(() => undefined);
    this.addedCount += filled;
    this.filled = 0;
    this.hashed = 0;
    this.buffer = this.spare ?? this.newBuffer();
    this.spare = buffer;
    this.buffer.texts = [];
  }
}

const isKnown = (known: IdIndex, id: bigint | string): boolean =>
  known.kind === "bigint" ? typeof id === "bigint" && known.find(Number(BigInt.asIntN(32, id)), Number(id >> 32n)) !== -1 : known.find(String(id)) !== -1;

function readIds(column: unknown, kind: IdKind): (row: number) => Id {
  if (kind === "text") {
    const texts = viewText(column);
    return (row) => texts.get(row) ?? undefined;
  }
  const {items, validity} = viewItems(column, BigInt64Array);
  return (row) => (validity.isValid(row) ? items[row] : undefined);
}
