/** A file that is written from its beginning to its end, by several writes at once: the next bytes need not wait for the last. */
import {open, type FileHandle} from "node:fs/promises";
import {DaedalusError} from "../errors.js";
import {explainWriteFailure, reasonOf} from "./failure.js";

const pendingBytesMax = 16 << 20;
/** What is written is sent to the disk as often as this: the disk then works while the rest is computed. */
const syncBytes = 128 << 20;

export class OutputFile {
  position = 0;
  private pendingBytes = 0;
  private readonly pending = new Set<Promise<void>>();
  private failure: DaedalusError | undefined;
  private syncedTo = 0;
  private syncing: Promise<void> | undefined;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async create(path: string): Promise<OutputFile> {
    try {
      return new OutputFile(path, await open(path, "w"));
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  /** Takes bytes, one part after another; they may be changed once `onWritten` was called, which also a failure does. */
  async write(parts: readonly Uint8Array[], onWritten?: () => void): Promise<void> {
    const start = this.position;
    const byteCount = parts.reduce((sum, part) => sum + part.length, 0);
    this.position += byteCount;
    this.pendingBytes += byteCount;
    const writing = this.writeAt(parts, start)
      .catch((error: unknown) => {
        this.failure ??= unwritable(this.path, error);
      })
      .finally(() => {
        this.pendingBytes -= byteCount;
        this.pending.delete(writing);
        onWritten?.();
      });
    this.pending.add(writing);
    while (this.pendingBytes > pendingBytesMax) await Promise.race(this.pending);
    this.syncNow();
    this.throwIfFailed();
  }

  /** Waits for all writes. */
  async finish(): Promise<void> {
    await Promise.all(this.pending);
    await this.syncing;
    this.throwIfFailed();
  }

  async close(): Promise<void> {
    await Promise.all(this.pending);
    await this.syncing;
    await this.file.close();
  }

  private async writeAt(parts: readonly Uint8Array[], start: number): Promise<void> {
    let position = start;
    for (const part of parts) {
      for (let done = 0; done < part.length; ) done += (await this.file.write(part, done, part.length - done, position + done)).bytesWritten;
      position += part.length;
    }
  }

  private syncNow(): void {
    if (this.syncing || this.position - this.syncedTo < syncBytes) return;
    this.syncedTo = this.position;
    this.syncing = this.file
      .datasync()
      // Some file systems cannot: then the bytes reach the disk when they do.
      .catch(() => undefined)
      .finally(() => (this.syncing = undefined));
  }

  private throwIfFailed(): void {
    if (this.failure) throw this.failure;
  }
}

function unwritable(path: string, error: unknown): DaedalusError {
  const explained = explainWriteFailure(error, path);
  return explained instanceof DaedalusError ? explained : DaedalusError.of("file-unwritable", {path, reason: reasonOf(error)}, {cause: error});
}
