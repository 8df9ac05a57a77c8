/** A contender of a benchmark runs in a process of its own: peak memory belongs to a process. */
import {spawnSync} from "node:child_process";

export interface Measured {
  readonly seconds: number;
  /** Of all threads: what a machine with other work to do cannot change much. */
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

interface Named {
  readonly contender: string;
}

/** Runs the script with `--job` and the job as JSON; it ends with `printMeasured`. */
export function measureScript(script: string, job: Named): Measured {
  const child = spawnSync(process.execPath, ["--import", "tsx", script, "--job", JSON.stringify(job)], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]});
  if (child.status !== 0) throw new Error(`${job.contender} ended with ${child.status ?? child.signal}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1)!) as Measured;
}

export function printMeasured(seconds: number): void {
  const {user, system} = process.cpuUsage();
  console.log(JSON.stringify({seconds, cpuSeconds: (user + system) / 1e6, peakMiB: process.resourceUsage().maxRSS / 1024} satisfies Measured));
}

/** The peer prints its seconds as JSON. A child's peak is told by the shell's own measure of it, so that Python imports nothing for it. */
export function measurePython(python: string, peer: string, job: Named & {readonly threads: number}): Measured {
  const meter = `import json, resource, subprocess, sys
run = subprocess.run([sys.executable, *sys.argv[1:]], stdout=subprocess.PIPE, text=True, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({**json.loads(run.stdout), "cpuSeconds": used.ru_utime + used.ru_stime, "peakMiB": used.ru_maxrss / 1024}))`;
  const environment = {...process.env, POLARS_MAX_THREADS: String(job.threads)};
  const {stdout, status, signal} = spawnSync(python, ["-c", meter, peer, JSON.stringify(job)], {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: environment});
  if (status !== 0) throw new Error(`${job.contender} ended with ${status ?? signal}`);
  return JSON.parse(stdout) as Measured;
}

export const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

/** Of less than ten seconds a tenth may decide a ratio. */
const renderSeconds = (seconds: number): string => `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;

/** A Markdown table of each contender's runs. */
export function renderMeasured(title: string, measured: ReadonlyMap<string, readonly Measured[]>): string {
  const lines = [...measured].map(([name, runs]) => {
    const seconds = runs.map((run) => run.seconds);
    const [cpu, peak] = [median(runs.map((run) => run.cpuSeconds)), median(runs.map((run) => run.peakMiB))];
    return `| ${name} | ${renderSeconds(median(seconds))} | ${renderSeconds(Math.min(...seconds))} | ${renderSeconds(cpu)} | ${peak.toFixed(0)} MiB |`;
  });
  const runs = [...measured.values()][0]?.length ?? 0;
  return [`| ${title} | median of ${runs} | fastest | CPU | peak memory |`, "|---|---|---|---|---|", ...lines].join("\n");
}
