/** A project as Dagster shows it: services as daily assets with their checks, views as what these are made from. */
import {renderDtype} from "../definitions/dtype.js";
import type {Project, Service} from "../definitions/model.js";
import {DaedalusError, Problems} from "../errors.js";
import {listChecks} from "../pipeline/check-labels.js";
import {dayUs, monthsRange, renderDay} from "../pipeline/day.js";
import {enrichmentOperators} from "../pipeline/open-service.js";
import {compileService} from "../pipeline/plan-file.js";
import {contractOf} from "../plan/contract.js";
import {summarizeView} from "./catalog.js";

export interface DagsterCheck {
  /** Letters, digits and `_`, which is all that Dagster takes. */
  readonly name: string;
  /** As the YAML says it. */
  readonly description: string;
  readonly severity: "error" | "warn";
  /** Which of the two steps decides it. */
  readonly stage: "skeleton" | "enrich";
}

export interface DagsterProject {
  /** Of the document; a reader that does not know it must not guess. */
  readonly format: 1;
  /** The days of `feed_start` to `feed_end`, both inclusive. */
  readonly first_day: string;
  readonly last_day: string;
  readonly services: readonly {
    readonly name: string;
    readonly version: number;
    readonly description: string | null;
    readonly owner: string | null;
    readonly views: readonly string[];
    readonly columns: readonly {readonly name: string; readonly dtype: string | null}[];
    readonly checks: readonly DagsterCheck[];
  }[];
  readonly views: readonly {
    readonly name: string;
    readonly description: string | null;
    readonly entity: readonly string[];
    /** As the definition says it, references to variables included. */
    readonly source: string;
    readonly columns: readonly {readonly name: string; readonly dtype: string}[];
  }[];
}

/** @throws DaedalusError `months-missing`; ProblemsError for a service without a plan */
export function describeForDagster(project: Project): DagsterProject {
  const {feedStart, feedEnd} = project.runtime;
  if (feedStart === undefined) throw DaedalusError.of("months-missing", {key: "feed_start"});
  if (feedEnd === undefined) throw DaedalusError.of("months-missing", {key: "feed_end"});
  const {startUs, endUs} = monthsRange(feedStart, feedEnd);
  return {
    format: 1,
    first_day: renderDay(startUs),
    last_day: renderDay(endUs - dayUs),
    services: [...project.services.values()].map((service) => describeService(project, service)),
    views: [...project.views.values()].map((view) => ({
      name: view.name,
      description: view.description ?? null,
      entity: view.entities,
      source: summarizeView(view).source,
      columns: view.fields.map(({name, dtype}) => ({name, dtype: renderDtype(dtype)})),
    })),
  };
}

/** The check as the YAML says it -> its name in Dagster. Two that differ in signs alone are told apart by a number. */
export function nameChecks(service: Service): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const {check} of listChecks(service)) {
    if (names.has(check)) continue;
    const base = check.replaceAll(/-(?=\d)/g, "minus ").replaceAll(/[^A-Za-z0-9_]+/g, "_").replaceAll(/^_+|_+$/g, "");
    let name = base;
    for (let number = 2; taken.has(name); number += 1) name = `${base}_${number}`;
    taken.add(name);
    names.set(check, name);
  }
  return names;
}

function describeService(project: Project, service: Service): DagsterProject["services"][number] {
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  const embedded = new Set(enrichmentOperators(plan).map(({column}) => column));
  const names = nameChecks(service);
  const checks = new Map<string, DagsterCheck>();
  for (const {check, severity, column} of listChecks(service)) {
    const name = names.get(check)!;
    const stage = column !== undefined && embedded.has(column) ? "enrich" : "skeleton";
    if (!checks.has(name)) checks.set(name, {name, description: check, severity, stage});
  }
  return {
    name: service.name,
    version: service.version,
    description: service.description ?? null,
    owner: service.owner ?? null,
    views: [...new Set(plan.operators.flatMap((op) => (op.opKind === "scan" ? [op.view] : [])))].sort(),
    columns: contractOf(project, service, new Problems()).map(({name, dtype}) => ({name, dtype: dtype ? renderDtype(dtype) : null})),
    checks: [...checks.values()],
  };
}
