/** Snappy's raw format, in which most parquet files compress their pages: literal bytes, and copies of bytes that came before. */

/** @throws RangeError when the bytes are not those of `plainLength` others */
export function decompressSnappy(bytes: Uint8Array, plainLength: number): Uint8Array {
  const output = new Uint8Array(plainLength);
  let at = 0;
  let done = 0;
  const byte = (): number => {
    const next = bytes[at++];
    if (next === undefined) throw new RangeError("compressed bytes end too early");
    return next;
  };
  const littleEndian = (count: number): number => {
    let value = 0;
    for (let k = 0; k < count; k++) value += byte() * 2 ** (8 * k);
    return value;
  };
  const copyBack = (offset: number, length: number): void => {
    if (offset === 0 || offset > done || done + length > plainLength) throw new RangeError("compressed bytes copy what is not there");
    // What is copied may overlap what it is copied to: then it repeats.
    if (offset >= length) output.copyWithin(done, done - offset, done - offset + length);
    else for (let k = 0; k < length; k++) output[done + k] = output[done + k - offset]!;
    done += length;
  };
  for (let isLast = false; !isLast; ) isLast = byte() < 128;
  while (at < bytes.length) {
    const tag = byte();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = (short < 60 ? short : littleEndian(short - 59)) + 1;
      if (at + length > bytes.length || done + length > plainLength) throw new RangeError("compressed bytes end too early");
      output.set(bytes.subarray(at, at + length), done);
      at += length;
      done += length;
    } else if (kind === 1) {
      copyBack(((tag >> 5) << 8) + byte(), ((tag >> 2) & 7) + 4);
    } else {
      copyBack(littleEndian(kind === 2 ? 2 : 4), (tag >> 2) + 1);
    }
  }
  if (done !== plainLength) throw new RangeError(`${done} bytes instead of ${plainLength}`);
  return output;
}
