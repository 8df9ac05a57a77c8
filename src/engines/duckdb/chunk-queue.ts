/** Chunks that are looked at a little later: the thread of DuckDB that brought one makes the next meanwhile. */
import type {RawChunk, RawColumn} from "../raw-vectors.js";

const waitingMax = 8;
/** Lists may be long: of more than this nothing waits. */
const waitingBytesMax = 4 << 20;

export class ChunkQueue {
  private readonly free: ChunkCopy[] = [];
  private readonly waiting: {readonly copy: ChunkCopy; readonly chunk: RawChunk; readonly bytes: number}[] = [];
  private waitingBytes = 0;
  private failure: {readonly error: unknown} | undefined;
  private isScheduled = false;

  constructor(private readonly look: (chunk: RawChunk) => void) {}

  /** The chunk need be valid during the call only. Never throws: after a failure chunks are passed over. */
  put(chunk: RawChunk): void {
    const bytes = chunk.columns.reduce((sum, column) => sum + bytesOf(column), 0);
    while (this.waiting.length > 0 && (this.waiting.length === waitingMax || this.waitingBytes + bytes > waitingBytesMax)) this.lookAtFirst();
    if (this.failure) return;
    if (bytes > waitingBytesMax) return this.lookAt(chunk);
    const copy = this.free.pop() ?? new ChunkCopy();
    this.waiting.push({copy, chunk: copy.take(chunk), bytes});
    this.waitingBytes += bytes;
    this.schedule();
  }

  /** Looks at those that still wait. @throws what `look` threw at one of all */
  finish(): void {
    while (this.waiting.length > 0) this.lookAtFirst();
    if (this.failure) throw this.failure.error;
  }

  /** Looks at none any more. */
  drop(): void {
    this.waiting.length = 0;
    this.waitingBytes = 0;
  }

  /** One at a time: threads that wait with the next chunk are let go first. */
  private schedule(): void {
    if (this.isScheduled || this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      if (this.waiting.length > 0) this.lookAtFirst();
      this.schedule();
    });
  }

  private lookAtFirst(): void {
    const {copy, chunk, bytes} = this.waiting.shift()!;
    this.waitingBytes -= bytes;
    this.lookAt(chunk);
    this.free.push(copy);
  }

  private lookAt(chunk: RawChunk): void {
    try {
      this.look(chunk);
    } catch (error) {
      this.failure = {error};
      this.drop();
    }
  }
}

const bytesOf = ({data, validity, child}: RawColumn): number => data.length + (validity?.length ?? 0) + (child ? bytesOf(child) : 0);

/** Buffers that are used for one chunk after another. */
class ChunkCopy {
  private readonly buffers: Uint8Array[] = [];
  private used = 0;

  take({rowCount, columns}: RawChunk): RawChunk {
    this.used = 0;
    return {rowCount, columns: columns.map((column) => this.copyColumn(column))};
  }

  private copyColumn({data, validity, child}: RawColumn): RawColumn {
    return {data: this.copy(data), validity: validity && this.copy(validity), child: child && {...this.copyColumn(child), rowCount: child.rowCount}};
  }

  private copy(bytes: Uint8Array): Uint8Array {
    const at = this.used++;
    const known = this.buffers[at];
    const buffer = known !== undefined && known.length >= bytes.length ? known : (this.buffers[at] = new Uint8Array(Math.max(bytes.length, 2 * (known?.length ?? 0))));
    buffer.set(bytes);
    return buffer.subarray(0, bytes.length);
  }
}
