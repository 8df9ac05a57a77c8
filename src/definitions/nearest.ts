import {distance} from "fastest-levenshtein";

/** The candidate that was probably meant, or undefined when none is close: `findNearest("fied", ["field", "query"])` is `"field"`. */
export function findNearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  // A third of the letters may differ; short names would otherwise match anything.
  let best = Math.min(4, Math.max(1, Math.floor(wanted.length / 3))) + 1;
  let nearest: string | undefined;
  for (const candidate of candidates) {
    const steps = distance(wanted, candidate.toLowerCase());
    if (steps < best) {
      best = steps;
      nearest = candidate;
    }
  }
  return nearest;
}
