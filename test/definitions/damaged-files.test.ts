/** Whatever happens to a file, its reader answers with problems that have places, and never fails itself. */
import {readdirSync, readFileSync} from "node:fs";
import {describe, expect, it} from "vitest";
import {readFiles} from "./marked-project.js";

const root = "examples/recommender";
const below = (folder: string): string[] => readdirSync(`${root}/${folder}`).map((name) => `${folder}/${name}`);
const configuration = ["config/base.yaml", "config/training/runtime.yaml", "config/training/aggregations.yaml"];
const files = [...configuration, ...below("feature_views"), ...below("feature_services")];
const sound = Object.fromEntries(files.map((file) => [file, readFileSync(`${root}/${file}`, "utf8")]));

/** Numbers in [0, below), the same for the same seed (mulberry32). */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) % below;
  };
}

const splinters = ["\t", "\n", ": ", "- ", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "!x ", "|", "null", "0", "-1", "~", "\u0000", "é", "<<", "? ", "---\n", "__"];

function damage(text: string, random: (below: number) => number): string {
  const at = random(text.length);
  const length = random(12);
  const splinter = splinters[random(splinters.length)] ?? "";
  const lines = text.split("\n");
  switch (random(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + splinter + text.slice(at + length);
    case 2:
      lines.splice(random(lines.length), 1);
      return lines.join("\n");
    default:
      lines.splice(random(lines.length), 0, lines[random(lines.length)] ?? "");
      return lines.join("\n");
  }
}

/** Each list holds the one before it twice: written out, it would be a million items. */
const doubled = Array.from({length: 20}, (_, index) => `a${index}: &a${index} [${index === 0 ? "x" : `*a${index - 1}, *a${index - 1}`}]\n`).join("");

describe("a damaged file", () => {
  it("was sound before", () => {
    expect(readFiles(sound).problems).toEqual([]);
  });

  it.each([1, 2, 3, 4])("is answered with problems and places (seed %d)", (seed) => {
    const random = randomNumbers(seed);
    for (let round = 0; round < 40; round++) {
      const file = files[random(files.length)] ?? "";
      const text = damage(damage(sound[file] ?? "", random), random);
      const {project, problems} = readFiles({...sound, [file]: text});
      const context = `seed ${seed}, round ${round}, ${file}`;
      expect(project === undefined, context).toBe(problems.some(({severity}) => severity === "error"));
      for (const {place, message} of problems) {
        expect(message, context).not.toMatch(/Invalid input|undefined|\[object|NaN/);
        expect(place, `${context}: ${message}`).toBeDefined();
        const lines = place!.file === file ? text.split(/\r\n|\n|\r/) : (sound[place!.file] ?? "").split("\n");
        expect(place!.column + place!.length - 1, `${context}: ${message}`).toBeLessThanOrEqual(Math.max(place!.column, place!.text.length));
        expect(place!.line, `${context}: ${message}`).toBeLessThanOrEqual(Math.max(1, lines.length));
      }
    }
  });

  it.each([
    ["deeply nested", "[".repeat(20_000)],
    ["nested in itself", "name: items\nentity: &e [*e]\nsource: &s {path: *s}\nfields: [*e, *s]\n"],
    ["doubled again and again", doubled],
    ["full of zeros", "\u0000".repeat(1000)],
  ])("may be %s", (_, text) => {
    const {problems} = readFiles({"feature_views/items.yaml": text});
    expect(problems.length).toBeGreaterThan(0);
    expect(new Set(problems.map(({place}) => place?.file))).toEqual(new Set(["feature_views/items.yaml"]));
  });

  it.each(["a=*b", "feature_refs=&a [*a]", "compute={", "day_workers=!x 3", "compute.duckdb_config=&a {b: *a}"])("may be an override: %s", (override) => {
    const {problems} = readFiles({}, {overrides: [override]});
    expect(problems.map(({place}) => place?.file)).toEqual(["--set"]);
  });
});
