import {distance} from "fastest-levenshtein";

/** The candidate that was probably meant, or undefined when none is close: `findNearest("fied", ["field", "query"])` is `"field"`. */
export function findNearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  // A third of the letters may differ, or two that changed places; short names would otherwise match anything.
  const limit = wanted.length < 4 ? 1 : Math.min(4, Math.max(2, Math.floor(wanted.length / 3)));
  let best = limit + 1;
  let nearest: string | undefined;
  for (const candidate of candidates) {
    const found = candidate.toLowerCase();
    // `user` means `user_id` rather than another short name.
    const steps = found.startsWith(`${wanted}_`) ? 1 : distance(wanted, found);
    if (steps < best) {
      best = steps;
      nearest = candidate;
    }
  }
  return nearest;
}
