/** Which aggregation engine suits a service: one day of its own data, made by each engine in a process of its own, in turn. */
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import type {Project, Service} from "../definitions/model.js";
import {aggregationEngineNames} from "../definitions/runtime-schema.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {PartitionStore} from "../pipeline/partition.js";
import {renderParquetRelation} from "../sources/parquet.js";
import type {ProjectFlags} from "./flags.js";
import type {RunRequest} from "./runs/run-record.js";
import {runTrainProcess} from "./runs/train-process.js";
import type {Terminal} from "./terminal.js";

export interface EngineBench {
  readonly project: Project;
  readonly service: Service;
  readonly flags: ProjectFlags;
  readonly day: string;
  /** How often each engine makes the day: the fastest counts. */
  readonly repeats: number;
  readonly signal: AbortSignal;
}

export interface EngineFigures {
  readonly engine: (typeof aggregationEngineNames)[number];
  /** The fastest of the runs, from the first read to the last check; undefined where the engine failed. */
  readonly seconds?: number;
  /** Of the process, in its largest run. */
  readonly peakBytes?: number;
  readonly rows?: number;
  /** Rows that the first engine of the list did not make; undefined for that one. */
  readonly differing?: number;
  readonly failure?: string;
}

/** The skeletons are made beside the project's own partitions, in a temporary folder that goes. */
export async function benchEngines(bench: EngineBench, terminal: Terminal): Promise<readonly EngineFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), "daeda-bench-"));
  try {
    const found = new Map<string, EngineFigures>();
    for (let repeat = 0; repeat < bench.repeats; repeat += 1) {
      for (const engine of aggregationEngineNames) {
        const before = found.get(engine);
        if (before?.failure === undefined) found.set(engine, fasterOf(before, await runEngine(engine, bench, folder, terminal)));
      }
    }
    return await compareRows([...found.values()], bench, folder);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

const storeOf = (engine: string, {service}: EngineBench, folder: string): PartitionStore => new PartitionStore(join(folder, engine, service.name));

async function runEngine(engine: EngineFigures["engine"], bench: EngineBench, folder: string, terminal: Terminal): Promise<EngineFigures> {
  const {service, day, flags, signal} = bench;
  const request: RunRequest = {
    service: service.name, first_day: day, last_day: day, engine, output_root: join(folder, engine), skeleton_only: true, force: true, runner: "local", runner_options: {}, project_flags: flags,
  };
  const nothing = (): void => undefined;
  try {
    await runTrainProcess(request, {signal, log: nothing, note: nothing, environment: terminal.env, directory: terminal.directory, cliPath: terminal.scriptPath});
  } catch (error) {
    if (error instanceof DaedalusError && error.code === "run-failed") return {engine, failure: String(error.facts["reason"])};
    throw error;
  }
  const manifest = storeOf(engine, bench, folder).findManifest("skeleton", day)!;
  return {engine, seconds: manifest.seconds, peakBytes: manifest.peak_memory_bytes, rows: manifest.rows};
}

function fasterOf(before: EngineFigures | undefined, now: EngineFigures): EngineFigures {
  if (!before || now.failure !== undefined) return now;
  return {...now, seconds: Math.min(before.seconds!, now.seconds!), peakBytes: Math.max(before.peakBytes!, now.peakBytes!)};
}

async function compareRows(figures: readonly EngineFigures[], bench: EngineBench, folder: string): Promise<readonly EngineFigures[]> {
  const [first, ...others] = figures.filter(({failure}) => failure === undefined);
  if (!first) return figures;
  const session = await DuckDbSession.open({config: bench.project.runtime.compute.duckdbConfig});
  try {
    const rowsOf = ({engine}: EngineFigures): string => `FROM ${renderParquetRelation(storeOf(engine, bench, folder).filesOf("skeleton", bench.day))}`;
    const differing = new Map<string, number>();
    for (const other of others) {
      const [row] = await session.rows(`SELECT count(*) AS count FROM ((${rowsOf(other)}) EXCEPT ALL (${rowsOf(first)}))`);
      differing.set(other.engine, Number(row!["count"]));
    }
    return figures.map((one) => (differing.has(one.engine) ? {...one, differing: differing.get(one.engine)!} : one));
  } finally {
    session.close();
  }
}

/** The fastest; of two that are about as fast, the one with less memory. */
export function findSuited(figures: readonly EngineFigures[]): EngineFigures | undefined {
  const able = figures.filter(({failure, differing}) => failure === undefined && (differing ?? 0) === 0);
  const fastest = Math.min(...able.map(({seconds}) => seconds!));
  return able.filter(({seconds}) => seconds! <= fastest * 1.1).sort((a, b) => a.peakBytes! - b.peakBytes!)[0];
}
