/** Durations as definitions write them: one whole number and one unit. */
const unitUs = {ms: 1e3, s: 1e6, m: 60e6, h: 3_600e6, d: 86_400e6, w: 604_800e6} as const;

export const dayUs = unitUs.d;

/** The text form, for validation and for editors. */
export const durationPattern = /^\d+(?:ms|s|m|h|d|w)$/;

/** Microseconds of `90d`, `2h`, `90m`, `30s`, `500ms` or `1w`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (!durationPattern.test(text)) return undefined;
  const unit = text.replace(/^\d+/, "") as keyof typeof unitUs;
  const durationUs = Number.parseInt(text, 10) * unitUs[unit];
  return Number.isSafeInteger(durationUs) ? durationUs : undefined;
}

/** The shortest of `7d`, `90m`, `1d 12h`, ...: whole units, the largest first; weeks are left to those who write them. */
export function renderDuration(durationUs: number): string {
  const parts: string[] = [];
  let rest = durationUs;
  for (const unit of ["d", "h", "m", "s", "ms"] as const) {
    const count = Math.floor(rest / unitUs[unit]);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * unitUs[unit];
  }
  return parts.length > 0 ? parts.join(" ") : "0s";
}
