/** Counts, durations and paths as people read them. */
import {isAbsolute, relative, sep} from "node:path";

/** 1234567 -> `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 day`, `3 days`, `1,200 days`. */
export function formatNumber(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes -> `512 B`, `3.4 MB`, `1.2 TB`, in steps of a thousand. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${step === 0 ? String(bytes) : (bytes / 1000 ** step).toFixed(1)} ${units[step]!}`;
}

/** Seconds -> `0.8 s`, `42 s`, `3 min 5 s`, `2 h 7 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** As one would type it in the folder; a path outside of it stays as it is. */
export function formatPath(path: string, directory: string): string {
  const shown = relative(directory, path);
  return shown === "" || shown.startsWith(`..${sep}`) || shown === ".." || isAbsolute(shown) ? path : shown;
}
