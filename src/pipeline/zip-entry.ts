/** One file out of a ZIP archive, which is what a Python wheel is. Archives beyond 4 GiB are no wheels of ours. */
import {inflateRawSync} from "node:zlib";

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const endBytes = 22;
const entryBytes = 46;
const localBytes = 30;

/** The content of the first entry whose path is asked for; undefined when there is none, or when this is no archive. */
export function findZipEntry(archive: Buffer, isWanted: (path: string) => boolean): Buffer | undefined {
  const end = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + endBytes > archive.length || archive.readUInt32LE(end) !== endSignature) return undefined;
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count && at + entryBytes <= archive.length && archive.readUInt32LE(at) === entrySignature; index += 1) {
    const nameLength = archive.readUInt16LE(at + 28);
    const path = archive.toString("utf8", at + entryBytes, at + entryBytes + nameLength);
    if (isWanted(path)) return readEntry(archive, at);
    at += entryBytes + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return undefined;
}

function readEntry(archive: Buffer, at: number): Buffer | undefined {
  const method = archive.readUInt16LE(at + 10);
  const size = archive.readUInt32LE(at + 20);
  const local = archive.readUInt32LE(at + 42);
  // The local header repeats the name, and has extra fields of its own.
  const start = local + localBytes + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const data = archive.subarray(start, start + size);
  if (method === 0) return data;
  return method === 8 ? inflateRawSync(data) : undefined;
}
