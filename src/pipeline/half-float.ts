/** Half-precision floats as their 16 bits: JavaScript on Node 20 has no type for them. */

/** Index: exponent of the value + 14. Scales a value so that one unit is one step of the half grid at that exponent. */
const stepsAtExponent = Float64Array.from({length: 30}, (_, k) => 2 ** (24 - k));
const scratch = new Float64Array(1);
const scratchWords = new Uint32Array(scratch.buffer);
/** Adding and subtracting it leaves a double rounded to an integer, ties to even, because nothing finer fits beside it. */
const integerRounder = 2 ** 52;

/** The bits of an infinite half; a finite number that rounds to it is too large for a half. */
export const halfInfinity = 0x7c00;

/**
 * The nearest half of any JavaScript number, ties to even, in one rounding: 65520 and more become infinite, NaN becomes 0x7e00.
 * @example roundToHalf(1) // 0x3c00
 */
export function roundToHalf(value: number): number {
  scratch[0] = value;
  const high = scratchWords[1]!;
  const sign = (high >>> 16) & 0x8000;
  let exponent = ((high >>> 20) & 0x7ff) - 1023;
  if (exponent > 15) return Number.isNaN(value) ? 0x7e00 : sign | halfInfinity;
  if (exponent < -14) exponent = -14;
  const steps = Math.abs(value) * stepsAtExponent[exponent + 14]! + integerRounder - integerRounder;
  // The step count carries into the exponent by itself: 2048 steps of one exponent are 1024 of the next, and of 15 infinity.
  return sign | (((exponent + 14) << 10) + steps);
}

/** The value of the half with these bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (fraction + 1024) * 2 ** (exponent - 25);
}

let halfValues: Float32Array | undefined;

/** All 65536 halves by their bits, made on first use: a look-up is several times faster than the arithmetic. */
export function halfTable(): Float32Array {
  halfValues ??= Float32Array.from({length: 65_536}, (_, bits) => halfToNumber(bits));
  return halfValues;
}
