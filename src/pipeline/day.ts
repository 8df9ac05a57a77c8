/** Days and months as UTC microseconds. */
export const dayUs = 86_400_000_000;

/** Start of `YYYY-MM-DD`; undefined when there is no such day. */
export function parseDay(day: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const ms = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(ms) || renderDay(ms * 1000) !== day ? undefined : ms * 1000;
}

export function renderDay(us: number): string {
  return new Date(us / 1000).toISOString().slice(0, 10);
}

/** `[start, end)` of the months `YYYYMM` to `YYYYMM`, both inclusive. */
export function monthsRange(first: string, last: string): {startUs: number; endUs: number} {
  const start = (month: string, add: number): number => Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4, 6)) - 1 + add) * 1000;
  return {startUs: start(first, 0), endUs: start(last, 1)};
}

/** `[start, end)` of a day that is known to be one. */
export function dayRange(day: string): {startUs: number; endUs: number} {
  const startUs = Date.parse(`${day}T00:00:00Z`) * 1000;
  return {startUs, endUs: startUs + dayUs};
}
