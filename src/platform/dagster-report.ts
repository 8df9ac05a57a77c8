/** What a training run tells Dagster: the checks as they are decided, and of each partition what its manifest says. */
import type {Service} from "../definitions/model.js";
import type {TrainEvent} from "../pipeline/effects.js";
import type {Manifest} from "../pipeline/manifest.js";
import type {PartitionStore, Stage} from "../pipeline/partition.js";
import type {TrainReport} from "../pipeline/train.js";
import {nameChecks} from "./dagster-assets.js";
import type {Pipes, PipesValue} from "./dagster-pipes.js";

export interface DagsterReport {
  readonly onEvent: (event: TrainEvent) => void;
  finish(report: TrainReport, partitions: PartitionStore): void;
}

export function startDagsterReport(pipes: Pipes, service: Service, stages: "both" | "skeleton" | "enrich"): DagsterReport {
  const names = nameChecks(service);
  const decided = new Set<string>();
  const tell = (check: string, result: {readonly isPassed: boolean; readonly severity: "error" | "warn"; readonly found: string}): void => {
    const name = names.get(check);
    if (name === undefined || decided.has(name)) return;
    decided.add(name);
    pipes.reportCheck({name, ...result});
  };
  return {
    onEvent: (event) => {
      if (event.kind === "day-checks") for (const {check, ...result} of event.checks) tell(check, result);
    },
    // A day that was current was checked when it was made.
    finish: (report, partitions) => {
      const stage: Stage = stages === "skeleton" ? "skeleton" : "dataset";
      for (const {day, directory} of report.days) {
        const manifest = partitions.findManifest(stage, day);
        if (!manifest) continue;
        for (const {check, passed: isPassed, severity, found} of manifest.checks) tell(check, {isPassed, severity, found});
        pipes.reportAsset(describeManifest(manifest, directory), manifest.digest);
      }
    },
  };
}

function describeManifest(manifest: Manifest, directory: string): Readonly<Record<string, PipesValue>> {
  const text = (value: string): PipesValue => ({raw_value: value, type: "text"});
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const failed = manifest.checks.filter(({passed}) => !passed).length;
  return {
    // The names that Dagster draws curves of.
    "dagster/row_count": {raw_value: manifest.rows, type: "int"},
    rows: {raw_value: manifest.rows, type: "int"},
    bytes: {raw_value: bytes, type: "int"},
    files: {raw_value: manifest.files.length, type: "int"},
    directory: {raw_value: directory, type: "path"},
    seconds: {raw_value: manifest.seconds, type: "float"},
    peak_memory_bytes: {raw_value: manifest.peak_memory_bytes, type: "int"},
    checks: text(`${manifest.checks.length - failed} passed, ${failed} failed`),
    columns: {raw_value: renderColumns(manifest), type: "md"},
    plan_digest: text(manifest.plan_digest),
    written_at: text(manifest.written_at),
    daedalus_version: text(manifest.versions.daedalus),
  };
}

function renderColumns({columns}: Manifest): string {
  const cell = (value: string | undefined): string => (value ?? "").slice(0, 40).replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
  const rows = columns.map(({name, type, nulls, min, max}) => `| ${cell(name)} | ${cell(type)} | ${nulls} | ${cell(min)} | ${cell(max)} |`);
  return ["| column | type | nulls | least | greatest |", "|---|---|---|---|---|", ...rows].join("\n");
}
