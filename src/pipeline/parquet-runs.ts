/** Parquet's hybrid of repeated and bit-packed numbers: levels, and numbers of a dictionary. */

type Numbers = Uint8Array | Uint32Array;
const bitWidthMax = 24;

/**
 * Fills `numbers`.
 * @throws RangeError when the bytes hold fewer, or numbers of more than 24 bits
 */
export function readRuns(bytes: Uint8Array, bitWidth: number, numbers: Numbers): void {
  if (bitWidth > bitWidthMax) throw new RangeError(`numbers of ${bitWidth} bits`);
  let at = 0;
  for (let done = 0; done < numbers.length; ) {
    let head = 0;
    for (let shift = 0, isLast = false; !isLast; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new RangeError("its runs end too early");
      head += (byte & 127) * 2 ** shift;
      isLast = byte < 128;
    }
    const isPacked = head % 2 === 1;
    const length = Math.floor(head / 2);
    const count = Math.min(numbers.length - done, isPacked ? length * 8 : length);
    const byteCount = isPacked ? length * bitWidth : Math.ceil(bitWidth / 8);
    if (count === 0) throw new RangeError("a run of nothing");
    // The last run of a page need not be padded.
    if (at + (isPacked ? Math.ceil((count * bitWidth) / 8) : byteCount) > bytes.length) throw new RangeError("its runs end too early");
    if (isPacked) unpack(bytes, at, bitWidth, numbers.subarray(done, done + count));
    else numbers.fill(littleEndian(bytes.subarray(at, at + byteCount)), done, done + count);
    at += byteCount;
    done += count;
  }
}

const littleEndian = (bytes: Uint8Array): number => bytes.reduceRight((value, byte) => value * 256 + byte, 0);

function unpack(bytes: Uint8Array, start: number, bitWidth: number, numbers: Numbers): void {
  const mask = 2 ** bitWidth - 1;
  let at = start;
  let bits = 0;
  let bitCount = 0;
  for (let k = 0; k < numbers.length; k++) {
    for (; bitCount < bitWidth; bitCount += 8) bits |= bytes[at++]! << bitCount;
    numbers[k] = bits & mask;
    bits >>>= bitWidth;
    bitCount -= bitWidth;
  }
}
