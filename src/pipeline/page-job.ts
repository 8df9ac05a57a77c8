/** One page of one column: plain data over shared memory, so that any thread can compute it. */
import type {BuiltInWork, EmbeddingBatch, EmbeddingResult, PageFunction, Pooling, UserEmbeddingFunction} from "./embedding-functions.js";
import type {SharedMemory} from "../engines/wasm.js";
import {loadKernels, paddedLength, vectorKind, type Kernels, type VectorKind} from "./embedding-kernels.js";
import {reasonOf} from "./failure.js";
import {halfInfinity, roundToHalf} from "./half-float.js";
import {renderListPage, renderScalarPage, type EncodedPage} from "./parquet-pages.js";
import {loadZstd, type Compress} from "./zstd.js";

/** The ids of a page's rows: those of row r are `slots[offsets[r] .. offsets[r + 1])`, numbers of vectors or -1. */
export interface PageIds {
  readonly offsets: Int32Array;
  readonly slots: Int32Array;
  /** Of each id, for weighted sums. */
  readonly weights?: Float32Array | undefined;
}

export interface PageJob {
  /** Number of the column's function. */
  readonly work: number;
  readonly rowStart: number;
  readonly rowCount: number;
  readonly ids: PageIds;
  readonly otherIds: PageIds | undefined;
  /** Where vectors lie, one after another, each followed by zeros up to the padded length. */
  readonly poolAt: number;
  readonly hasSpecials: boolean;
  /** Where the page's values may be written. */
  readonly outAt: number;
}

/** What goes wrong with a row: the thread that knows the file makes an error of it. */
export type PageFailure =
  | {readonly kind: "overflow"; readonly row: number; readonly value: number}
  | {readonly kind: "udf-result"; readonly rowStart: number; readonly rowEnd: number}
  | {readonly kind: "udf-failed"; readonly rowStart: number; readonly rowEnd: number; readonly reason: string};

export type PageResult = {readonly page: EncodedPage} | {readonly failure: PageFailure};

/** Memory that one thread has for itself. */
export interface Scratch {
  readonly at: number;
  readonly idsMax: number;
  /** The longest row, padded. */
  readonly lengthMax: number;
}

export const scratchBytes = ({idsMax, lengthMax}: Omit<Scratch, "at">): number => Math.ceil((idsMax * 8 + lengthMax * 8) / 16) * 16;

export interface ComputerOptions {
  readonly memory: SharedMemory;
  readonly scratch: Scratch;
  readonly functions: readonly PageFunction[];
}

class Overflow extends Error {
  constructor(
    readonly row: number,
    readonly value: number,
  ) {
    super("a number is too large for a half");
  }
}

export class PageComputer {
  private readonly kernels: Kernels;
  private readonly buffer: SharedArrayBuffer;
  private readonly addresses: Uint32Array;
  private readonly weights: Float32Array;
  private readonly rowAt: number;
  private readonly otherAt: number;
  private readonly own = new Map<string, Promise<UserEmbeddingFunction>>();
  private zstd: Compress | undefined;

  constructor(
    private readonly options: ComputerOptions,
    private readonly load: (work: {readonly udf: string; readonly modulePath: string}) => Promise<UserEmbeddingFunction>,
  ) {
    const {memory, scratch} = options;
    this.kernels = loadKernels(memory);
    this.buffer = memory.buffer;
    this.addresses = new Uint32Array(this.buffer, scratch.at, scratch.idsMax);
    this.weights = new Float32Array(this.buffer, scratch.at + scratch.idsMax * 4, scratch.idsMax);
    this.rowAt = scratch.at + scratch.idsMax * 8;
    this.otherAt = this.rowAt + scratch.lengthMax * 4;
  }

  async compute(job: PageJob): Promise<PageResult> {
    const work = this.options.functions[job.work]!;
    try {
      if (work.compression) this.zstd = await loadZstd();
      if ("finish" in work.work) return {page: this.computeBuiltIn(job, work, work.work)};
      return await this.computeOwn(job, work, work.work);
    } catch (error) {
      if (error instanceof Overflow) return {failure: {kind: "overflow", row: job.rowStart + error.row, value: error.value}};
      throw error;
    }
  }

  private computeBuiltIn(job: PageJob, work: PageFunction, {pooling, finish, otherPooling}: BuiltInWork): EncodedPage {
    const {dtype} = work;
    const isNull = new Uint8Array(job.rowCount);
    if (pooling === "lookup" && finish === "none" && dtype.name === (work.stored === "float16" ? "HALF_FLOAT" : "FLOAT")) return this.copyVectors(job, work, isNull);
    const output = new PageOutput(this.kernels, this.buffer, job, work);
    for (let row = 0; row < job.rowCount; row++) {
      output.row = row;
      const isThere =
        this.pool(job, work, {ids: job.ids, row, pooling, to: this.rowAt}) &&
        (otherPooling === undefined || this.pool(job, work, {ids: job.otherIds!, row, pooling: otherPooling, to: this.otherAt})) &&
        this.finish(output, work, finish);
      if (!isThere) isNull[row] = 1;
    }
    return output.render(isNull, this.compressOf(work));
  }

  private compressOf({compression}: PageFunction): Compress | undefined {
    return compression && this.zstd;
  }

  /** The row's vector becomes the output's; false for NULL. */
  private finish(output: PageOutput, work: PageFunction, finish: BuiltInWork["finish"]): boolean {
    const {kernels, rowAt, otherAt} = this;
    const length = paddedLength(work.dimension);
    if (finish === "dot") return output.pushNumber(kernels.dot(rowAt, otherAt, length));
    if (finish === "cosine") {
      const norms = Math.fround(this.norm(rowAt, length) * this.norm(otherAt, length));
      return norms > 0 && norms < Infinity && output.pushNumber(Math.fround(kernels.dot(rowAt, otherAt, length) / norms));
    }
    if (finish === "l2_normalize") {
      const norm = this.norm(rowAt, length);
      if (!(norm > 0 && norm < Infinity)) return false;
      kernels.divide(rowAt, norm, length);
    }
    if (finish === "quantize_int8") {
      const magnitude = kernels.maxMagnitude(rowAt, length);
      return magnitude < Infinity && output.pushBytes(rowAt, magnitude);
    }
    return output.pushRow(rowAt);
  }

  private norm(row: number, length: number): number {
    return Math.fround(Math.sqrt(this.kernels.dot(row, row, length)));
  }

  /** Vectors that are written as they are stored. */
  private copyVectors(job: PageJob, work: PageFunction, isNull: Uint8Array): EncodedPage {
    const stride = vectorStride(work);
    let count = 0;
    for (let row = 0; row < job.rowCount; row++) {
      const slot = job.ids.slots[job.ids.offsets[row]!]!;
      if (slot === -1) isNull[row] = 1;
      else this.addresses[count++] = job.poolAt + slot * stride;
    }
    this.kernels.copyVectors(this.addresses.byteOffset, count, job.outAt, work.dimension * (work.stored === "float16" ? 2 : 4));
    const output = new PageOutput(this.kernels, this.buffer, job, work);
    output.rowCount = count;
    return output.render(isNull, this.compressOf(work));
  }

  /** Makes one vector of floats of the known ids of a row; false when there is none. */
  private pool(job: PageJob, work: PageFunction, {ids, row, pooling, to}: {ids: PageIds; row: number; pooling: Pooling; to: number}): boolean {
    const {addresses, kernels} = this;
    const stride = vectorStride(work);
    const length = paddedLength(work.dimension);
    const kind = kindOf(job, work);
    let count = 0;
    let total = 0;
    for (let k = ids.offsets[row]!; k < ids.offsets[row + 1]!; k++) {
      const slot = ids.slots[k]!;
      if (slot === -1) continue;
      if (pooling === "weighted") {
        const weight = ids.weights![k]!;
        this.weights[count] = weight;
        total = Math.fround(total + weight);
      }
      addresses[count++] = job.poolAt + slot * stride;
    }
    if (count === 0 || (pooling === "weighted" && total === 0)) return false;
    const at = addresses.byteOffset;
    if (pooling === "lookup") kernels.maxVectors(kind, at, 1, to, length);
    else if (pooling === "max") kernels.maxVectors(kind, at, count, to, length);
    else if (pooling === "weighted") kernels.sumWeighted(kind, at, this.weights.byteOffset, count, to, length);
    else kernels.sumVectors(kind, at, count, to, length);
    if (pooling === "weighted") kernels.divide(to, total, length);
    if (pooling === "mean" && count > 1) kernels.divide(to, count, length);
    return true;
  }

  private async computeOwn(job: PageJob, work: PageFunction, own: {readonly udf: string; readonly modulePath: string}): Promise<PageResult> {
    const key = JSON.stringify(own);
    if (!this.own.has(key)) this.own.set(key, this.load(own));
    const run = await this.own.get(key)!;
    const whole = this.makeBatch(job, work);
    let result: unknown;
    try {
      result = await run(whole);
    } catch (error) {
      return {failure: await findFailure(run, whole, {rowStart: job.rowStart, rowEnd: job.rowStart + job.rowCount, reason: reasonOf(error)})};
    }
    const {dtype} = work;
    const length = dtype.kind === "vector" ? dtype.dimension : 1;
    if (!isResult(result) || result.values.length !== job.rowCount * length || result.isNull.length !== job.rowCount) {
      return {failure: {kind: "udf-result", rowStart: job.rowStart, rowEnd: job.rowStart + job.rowCount}};
    }
    const output = new PageOutput(this.kernels, this.buffer, job, work);
    // A function of the project may mark its NULL rows with any number.
    const isNull = result.isNull.map((mark) => (mark === 0 ? 0 : 1));
    const row = new Float32Array(this.buffer, this.rowAt, length);
    for (let r = 0; r < job.rowCount; r++) {
      if (isNull[r]) continue;
      output.row = r;
      row.set(result.values.subarray(r * length, (r + 1) * length));
      if (dtype.kind === "scalar") output.pushNumber(row[0]!);
      else output.pushRow(this.rowAt);
    }
    return {page: output.render(isNull, this.compressOf(work))};
  }

  /** The vectors of the page as floats, each once. */
  private makeBatch(job: PageJob, work: PageFunction): EmbeddingBatch {
    const {offsets, slots} = job.ids;
    const {dimension} = work;
    const numbers = new Map<number, number>();
    const indices = slots.map((slot) => {
      if (slot === -1) return -1;
      const known = numbers.get(slot);
      if (known !== undefined) return known;
      numbers.set(slot, numbers.size);
      return numbers.size - 1;
    });
    const pool = new Float32Array(numbers.size * dimension);
    const row = new Float32Array(this.buffer, this.rowAt, dimension);
    for (const [slot, number] of numbers) {
      this.addresses[0] = job.poolAt + slot * vectorStride(work);
      this.kernels.maxVectors(kindOf(job, work), this.addresses.byteOffset, 1, this.rowAt, paddedLength(dimension));
      pool.set(row, number * dimension);
    }
    return {rowCount: job.rowCount, offsets, indices, pool, dimension};
  }
}

/** Bytes from one vector of a pool to the next. */
export const vectorStride = ({dimension, stored}: Pick<PageFunction, "dimension" | "stored">): number => paddedLength(dimension) * (stored === "float16" ? 2 : 4);

const kindOf = ({hasSpecials}: PageJob, {stored}: PageFunction): VectorKind =>
  stored === "float32" ? vectorKind.float : hasSpecials ? vectorKind.anyHalf : vectorKind.half;

function isResult(value: unknown): value is EmbeddingResult {
  const {values, isNull} = (value ?? {}) as Partial<Record<keyof EmbeddingResult, unknown>>;
  return values instanceof Float32Array && isNull instanceof Uint8Array;
}

/** The first row that fails by itself; where none does, the whole page. */
async function findFailure(
  run: UserEmbeddingFunction,
  batch: EmbeddingBatch,
  whole: {readonly rowStart: number; readonly rowEnd: number; readonly reason: string},
): Promise<PageFailure> {
  for (let row = 0; row < batch.rowCount; row++) {
    const [start, end] = [batch.offsets[row]!, batch.offsets[row + 1]!];
    try {
      await run({...batch, rowCount: 1, offsets: Int32Array.of(0, end - start), indices: batch.indices.slice(start, end)});
    } catch (error) {
      return {kind: "udf-failed", rowStart: whole.rowStart + row, rowEnd: whole.rowStart + row + 1, reason: reasonOf(error)};
    }
  }
  return {kind: "udf-failed", ...whole};
}

/** The values of a page, packed one after another where the job says. What a kernel writes beyond a row, the next one overwrites. */
class PageOutput {
  rowCount = 0;
  /** Of the page: the one that is being written. */
  row = 0;
  private readonly length: number;
  private readonly bytes: Uint8Array;
  private readonly floats: Float32Array;

  constructor(
    private readonly kernels: Kernels,
    private readonly buffer: SharedArrayBuffer,
    private readonly job: PageJob,
    private readonly work: PageFunction,
  ) {
    this.length = work.dtype.kind === "vector" ? work.dtype.dimension : 1;
    this.bytes = new Uint8Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  pushNumber(value: number): true {
    this.floats[this.job.outAt / 4 + this.rowCount++] = value;
    return true;
  }

  pushBytes(row: number, magnitude: number): true {
    const at = this.job.outAt + this.rowCount++ * this.length;
    if (magnitude === 0) this.bytes.fill(128, at, at + this.length);
    else this.kernels.quantize(row, magnitude, at, paddedLength(this.length));
    return true;
  }

  pushRow(row: number): true {
    const {job, length} = this;
    if (this.work.dtype.name === "FLOAT") {
      this.bytes.copyWithin(job.outAt + this.rowCount++ * length * 4, row, row + length * 4);
      return true;
    }
    const padded = paddedLength(length);
    this.floats.fill(0, row / 4 + length, row / 4 + padded);
    if (this.kernels.roundToHalves(row, job.outAt + this.rowCount++ * length * 2, padded)) throw this.findOverflow(row);
    return true;
  }

  render(isNull: Uint8Array, compress: Compress | undefined): EncodedPage {
    const {job, work, length, rowCount} = this;
    if (work.dtype.kind === "scalar") return renderScalarPage({rowCount: job.rowCount, isNull, values: new Float32Array(this.buffer, job.outAt, rowCount)}, compress);
    const offsets = new Int32Array(job.rowCount + 1);
    for (let row = 0; row < job.rowCount; row++) offsets[row + 1] = offsets[row]! + (isNull[row] ? 0 : length);
    // The types of typed arrays over shared memory are not those that a page declares; their bytes are the same.
    const values = new valueArrays[work.dtype.name](this.buffer as unknown as ArrayBuffer, job.outAt, rowCount * length);
    return renderListPage({rowCount: job.rowCount, offsets, isNull, values}, compress);
  }

  private findOverflow(at: number): Overflow {
    const row = new Float32Array(this.buffer, at, this.length);
    const value = row.find((number) => Number.isFinite(number) && (roundToHalf(number) & 0x7fff) === halfInfinity)!;
    return new Overflow(this.row, value);
  }
}

const valueArrays = {HALF_FLOAT: Uint16Array, FLOAT: Float32Array, TINYINT: Uint8Array} as const;
