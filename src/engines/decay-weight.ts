/**
 * How much a row still weighs in a `decay_sum`: `2 ** -(age / half life)`. Functions such as `exp` round differently from one library to
 * the next, so the weight is defined in steps of IEEE 754 double arithmetic, which every engine takes in this order:
 *
 * `x = age / half life; k = floor(x); f = x - k`, then the Taylor series of `2 ** -f` by Horner's rule, `weight = weight * f + coefficient`
 * from the last coefficient to the first, then `weight * 2 ** -k`, where `2 ** -k` is 0 from k = 1075 on.
 */

/** Coefficients of `2 ** -f` in rising powers of f. The 18th is below half a unit in the last place for every f in [0, 1). */
export const decayCoefficients: readonly number[] = computeCoefficients(18);

function computeCoefficients(count: number): number[] {
  const coefficients = [1];
  for (let power = 1; power < count; power += 1) coefficients.push((coefficients[power - 1]! * -Math.LN2) / power);
  return coefficients;
}

/** `2 ** -k` for each k that is not 0: halving is exact, and `**` need not be. */
const halvings: readonly number[] = computeHalvings();

function computeHalvings(): number[] {
  const powers: number[] = [];
  for (let power = 1; power > 0; power /= 2) powers.push(power);
  return powers;
}

/**
 * @example
 * decayWeight(7_200_000_000, 3_600_000_000); // two half lives: 0.25
 */
export function decayWeight(ageUs: number, halfLifeUs: number): number {
  const halfLives = ageUs / halfLifeUs;
  const whole = Math.floor(halfLives);
  const fraction = halfLives - whole;
  let weight = 0;
  for (let power = decayCoefficients.length - 1; power >= 0; power -= 1) weight = weight * fraction + decayCoefficients[power]!;
  return weight * (halvings[whole] ?? 0);
}
