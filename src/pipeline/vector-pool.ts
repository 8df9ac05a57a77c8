/**
 * The vectors of one store that a file needs, in memory that threads share. Where not all fit, those of two shards do: the one
 * that is being computed, and the one that is gathered meanwhile; what older shards left stays until its place is needed.
 */
import type {EmbeddingReader, VectorValues} from "../sources/embedding-store.js";
import type {SharedMemory} from "../engines/wasm.js";
import {paddedLength, type Kernels} from "./embedding-kernels.js";

export interface VectorPoolOptions {
  readonly reader: EmbeddingReader;
  /** Positions of the vectors in the store, ascending; elsewhere a vector is known by its number among them. */
  readonly positions: Int32Array;
  readonly capacity: number;
  readonly memory: SharedMemory;
  readonly kernels: Kernels;
  readonly at: number;
}

export class VectorPool {
  /** Number of a vector -> where it lies, -1 while it is not here. */
  readonly slots: Int32Array;
  /** Any half so far was infinite or NaN. */
  hasSpecials = false;
  private readonly numbers: Int32Array;
  /** By slot: the last shard that needs it. */
  private readonly usedBy: Int32Array;
  private readonly values: VectorValues;
  private readonly length: number;
  private hand = 0;

  constructor(private readonly options: VectorPoolOptions) {
    const {reader, capacity, memory, at} = options;
    const {embeddingDim, embeddingDtype} = reader.store;
    this.length = paddedLength(embeddingDim);
    const valueCount = capacity * this.length;
    const buffer = memory.buffer as unknown as ArrayBuffer;
    this.values = embeddingDtype === "float16" ? new Uint16Array(buffer, at, valueCount) : new Float32Array(buffer, at, valueCount);
    this.slots = new Int32Array(options.positions.length).fill(-1);
    this.numbers = new Int32Array(capacity).fill(-1);
    this.usedBy = new Int32Array(capacity).fill(-1);
  }

  /** All fit and are most of the store: to read them in one go costs less than to pick those of each shard. */
  private get takesAll(): boolean {
    const {capacity, positions, reader} = this.options;
    return capacity >= positions.length && positions.length * 4 >= reader.rowCount;
  }

  /** Its address. */
  get at(): number {
    return this.options.at;
  }

  /** Brings what a shard needs and is not here yet; what the shard before it needs stays. */
  async load(shard: number, needed: Int32Array, signal?: AbortSignal): Promise<void> {
    const wanted = shard === 0 && this.takesAll ? this.slots.map((_, number) => number) : needed;
    for (const number of wanted) if (this.slots[number] !== -1) this.usedBy[this.slots[number]!] = shard;
    const missing = wanted.filter((number) => this.slots[number] === -1);
    const places = missing.map((number) => this.place(number, shard));
    const {reader, positions, kernels, at} = this.options;
    const dimension = reader.store.embeddingDim;
    const put = (k: number, vector: VectorValues): void => {
      const start = places[k]! * this.length;
      this.values.set(vector, start);
      if (dimension === this.length) return;
      this.values.fill(0, start + dimension, start + this.length);
    };
    await reader.gather(missing.map((number) => positions[number]!), put, signal);
    if (this.values instanceof Float32Array || this.hasSpecials) return;
    this.hasSpecials = places.some((place) => kernels.hasSpecialHalves(at + place * this.length * 2, this.length) !== 0);
  }

  private place(number: number, shard: number): number {
    for (let tried = 0; tried <= this.numbers.length; tried++) {
      const slot = this.hand;
      this.hand = slot + 1 === this.numbers.length ? 0 : slot + 1;
      if (this.usedBy[slot] !== -1 && this.usedBy[slot]! >= shard - 1) continue;
      if (this.numbers[slot] !== -1) this.slots[this.numbers[slot]!] = -1;
      this.numbers[slot] = number;
      this.usedBy[slot] = shard;
      this.slots[number] = slot;
      return slot;
    }
    throw new Error(`${this.numbers.length} vectors do not hold two shards`);
  }
}
