/** A run's log: JSON lines in one file, appended by the run's own process and read by anybody, from either end. */
import {closeSync, fstatSync, openSync, readSync, writeSync} from "node:fs";
import {z} from "zod";

const logLineSchema = z.object({at: z.string(), level: z.enum(["info", "warning", "error"]), text: z.string()});

export type LogLine = Readonly<z.infer<typeof logLineSchema>>;
export type LogLevel = LogLine["level"];

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Where the next page starts, in bytes. */
  readonly cursor: number;
}

const lineBytesMax = 16_384;
const chunkBytes = 65_536;

/** Appends whole lines; a text of several lines becomes several, an endless one is cut. */
export function appendLog(path: string, entry: LogLine): void {
  const lines = entry.text.split(/\r?\n/).filter((text) => text.trim() !== "");
  const text = lines.map((line) => `${JSON.stringify({...entry, text: line.slice(0, lineBytesMax / 4)})}\n`).join("");
  const file = openSync(path, "a", 0o600);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** Up to `limit` whole lines from a byte onwards. A line that is still being written is left for the next page. */
export function readLog(path: string, {cursor, limit}: {readonly cursor: number; readonly limit: number}): LogPage {
  return withFile(path, {lines: [], cursor: 0}, (file, size) => {
    const lines: LogLine[] = [];
    let position = startOfLine(file, Math.min(cursor, size));
    let rest = Buffer.alloc(0);
    for (let offset = position; offset < size && lines.length < limit; ) {
      const chunk = readAt(file, offset, Math.min(chunkBytes, size - offset));
      if (chunk.length === 0) break;
      offset += chunk.length;
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(10); end >= 0 && lines.length < limit; end = rest.indexOf(10)) {
        const line = parseLine(rest.subarray(0, end).toString());
        if (line) lines.push(line);
        position += end + 1;
        rest = rest.subarray(end + 1);
      }
    }
    return {lines, cursor: position};
  });
}

/** The last `limit` lines. */
export function readLogTail(path: string, limit: number): LogPage {
  return withFile(path, {lines: [], cursor: 0}, (file, size) => {
    let start = size;
    let tail = Buffer.alloc(0);
    // One line more than asked for, because the first of a chunk may be cut.
    while (start > 0 && countNewlines(tail) <= limit) {
      const length = Math.min(chunkBytes, start);
      start -= length;
      tail = Buffer.concat([readAt(file, start, length), tail]);
    }
    const end = tail.lastIndexOf(10) + 1;
    const texts = tail.subarray(0, end).toString().split("\n").slice(0, -1);
    const whole = start > 0 ? texts.slice(1) : texts;
    return {lines: whole.slice(-limit).flatMap((text) => parseLine(text) ?? []), cursor: start + end};
  });
}

function withFile<T>(path: string, absent: T, read: (file: number, size: number) => T): T {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return absent;
    throw error;
  }
  try {
    return read(file, fstatSync(file).size);
  } finally {
    closeSync(file);
  }
}

function readAt(file: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
}

/** A cursor that nobody gave out may point into a line: reading goes on behind it. */
function startOfLine(file: number, cursor: number): number {
  for (let offset = cursor; offset > 0; ) {
    const chunk = readAt(file, offset - 1, chunkBytes);
    if (chunk.length === 0) return offset;
    const newline = chunk.indexOf(10);
    if (newline >= 0) return offset + newline;
    offset += chunk.length;
  }
  return 0;
}

function countNewlines(buffer: Buffer): number {
  let count = 0;
  for (let at = buffer.indexOf(10); at >= 0; at = buffer.indexOf(10, at + 1)) count += 1;
  return count;
}

/** Undefined for what no writer of ours wrote. */
function parseLine(text: string): LogLine | undefined {
  try {
    return logLineSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
