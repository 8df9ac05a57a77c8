/**
 * How long the command line takes to answer when it has nothing to compute: `npx tsx bench/startup.ts`, after a build.
 * `node -e 0` is the part that nobody can save.
 */
import {spawnSync} from "node:child_process";
import {fileURLToPath} from "node:url";
import {startEnvironment} from "./start-environment.js";

const daeda = fileURLToPath(new URL("../dist/platform/daeda.js", import.meta.url));
const runs = 31;

function medianMs(args: readonly string[]): number {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const startedMs = performance.now();
    const {status} = spawnSync(process.execPath, args, {stdio: "ignore", env: startEnvironment});
    times.push(performance.now() - startedMs);
    if (status !== 0) throw new Error(`node ${args.join(" ")} exits with ${status}`);
  }
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)]!;
}

for (const [name, args] of [
  ["node -e 0", ["-e", "0"]],
  ["daeda --help", [daeda, "--help"]],
  ["daeda config show", [daeda, "config", "show"]],
] as const) {
  console.log(`${name.padEnd(18)} median of ${runs}: ${medianMs(args).toFixed(0)} ms`);
}
