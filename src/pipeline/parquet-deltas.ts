/** Whole numbers as parquet's DELTA_BINARY_PACKED: differences in as many bits as the largest of their neighbours needs. Source: parquet-format, Encodings.md. */

const blockValues = 128;
const miniValues = 32;
const miniCount = blockValues / miniValues;

/** Differences of numbers of at least `-deltaLimit` and below `deltaLimit` have 32 bits. */
export const deltaLimit = 2 ** 30;

/** The most that so many numbers take. */
const packedBytesMax = (length: number): number => 32 + Math.ceil(length / blockValues) * (5 + miniCount + 4 * blockValues);

/** @param values from -2^30 up to 2^30, 2^30 itself excluded */
export function packDeltas(values: Int32Array): Uint8Array {
  const packer = new Packer(packedBytesMax(values.length));
  packer.pushVarint(blockValues);
  packer.pushVarint(miniCount);
  packer.pushVarint(values.length);
  packer.pushSigned(values[0] ?? 0);
  const deltas = new Int32Array(blockValues);
  for (let start = 1; start < values.length; start += blockValues) {
    const count = Math.min(blockValues, values.length - start);
    let least = 0x7fffffff;
    for (let at = 0; at < count; at += 1) {
      const delta = values[start + at]! - values[start + at - 1]!;
      deltas[at] = delta;
      if (delta < least) least = delta;
    }
    for (let at = 0; at < count; at += 1) deltas[at]! -= least;
    deltas.fill(0, count);
    packer.pushSigned(least);
    const widths = packer.reserve(miniCount);
    for (let mini = 0; mini * miniValues < count; mini += 1) packer.bytes[widths + mini] = packer.pushMini(deltas, mini * miniValues);
  }
  return packer.bytes.subarray(0, packer.length);
}

class Packer {
  readonly bytes: Uint8Array;
  length = 0;
  private readonly words: DataView;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.words = new DataView(this.bytes.buffer);
  }

  reserve(count: number): number {
    const at = this.length;
    this.length += count;
    return at;
  }

  /** @param value below 2^32 */
  pushVarint(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest & 127) | 128;
    this.bytes[this.length++] = rest;
  }

  /** Zigzag: numbers near 0 are short, whatever their sign. */
  pushSigned(value: number): void {
    this.pushVarint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** The 32 numbers from `from` on, read as unsigned, lowest bits first. @returns how many bits each takes */
  pushMini(numbers: Int32Array, from: number): number {
    let used = 0;
    for (let at = from; at < from + miniValues; at += 1) used |= numbers[at]!;
    const width = 32 - Math.clz32(used);
    let [word, filled] = [0, 0];
    for (let at = from; at < from + miniValues && width > 0; at += 1) {
      const number = numbers[at]!;
      word |= number << filled;
      filled += width;
      if (filled < 32) continue;
      this.words.setInt32(this.length, word, true);
      this.length += 4;
      filled -= 32;
      word = filled === 0 ? 0 : number >>> (width - filled);
    }
    return width;
  }
}
