/** Why a cell is what it is: the value of one row, derived again, with every history row that had a say and what became of it. */
import type {Project, Service} from "../definitions/model.js";
import {findNearest} from "../definitions/nearest.js";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError, Problems} from "../errors.js";
import {contractOf} from "../plan/contract.js";
import {renderParquetRelation} from "../sources/parquet.js";
import {quoteName, quoteText} from "../sources/quote.js";
import {describeClaim, findClaim, type Claim} from "./audit-mapping.js";
import {realEffects, type Effects} from "./effects.js";
import {deriveVersion, deriveWindow, readVersionEvidence, readWindowEvidence, type Derived, type Evidence, type Rule} from "./evidence.js";
import {findOperatorSql, type OperatorSql} from "./explain-sql.js";
import {findRow, type FoundRow} from "./explain-row.js";
import {openPartitions} from "./open-partitions.js";
import type {Stage} from "./partition.js";
import {compileService} from "./plan-file.js";
import {Rederivation} from "./rederive.js";

export interface ExplainOptions {
  readonly project: Project;
  readonly service: Service;
  /** `user_id=5` each: keys of the spine, or any of its columns; NULL stands for no value. */
  readonly keys: readonly string[];
  /** An instant; without a zone it is UTC. */
  readonly at: string;
  /** Default: all columns of the service. */
  readonly columns?: readonly string[] | undefined;
  readonly outputRoot?: string | undefined;
}

export interface ConsideredRow {
  readonly file: string | null;
  /** Counted from 0, as parquet readers do. */
  readonly fileRow: number | null;
  readonly atUs: number | null;
  readonly knownUs: number | null;
  readonly value: Evidence["value"];
  /** Why it does not count; undefined when it does. */
  readonly rule: Rule | undefined;
}

export interface ColumnExplanation {
  readonly name: string;
  readonly kind: Claim["kind"] | "enrichment" | "default";
  readonly definition: string;
  /** As DuckDB writes it; undefined for what is not derived from rows. */
  readonly value: string | null | undefined;
  /** What the published partition holds; undefined without one. */
  readonly stored: string | null | undefined;
  readonly agrees: boolean | undefined;
  readonly history: {
    readonly total: number;
    readonly used: number;
    readonly dropped: Readonly<Partial<Record<Rule, number>>>;
    /** Those that count first, then those nearest to the row's instant; in order of time. */
    readonly shown: readonly ConsideredRow[];
  } | undefined;
  /** Derived columns: what the expression was given. */
  readonly inputs: Readonly<Record<string, string | null>> | undefined;
  readonly operator: OperatorSql | undefined;
}

export interface RowExplanation {
  readonly service: string;
  readonly day: string;
  /** The columns of the spine's row. */
  readonly row: Readonly<Record<string, string | null>>;
  readonly file: string | null;
  readonly fileRow: number | null;
  /** Why the row is not in the dataset; undefined when it is. */
  readonly droppedBy: string | undefined;
  readonly partition: {readonly directory: string; readonly stage: Stage; readonly hasRow: boolean} | undefined;
  readonly columns: readonly ColumnExplanation[];
}

const shownMax = 50;

/** @throws DaedalusError `row-missing` or `row-ambiguous`, with rows nearby or what tells the rows apart */
export async function explainRow(options: ExplainOptions, effects: Pick<Effects, "environment" | "signal"> = realEffects): Promise<RowExplanation> {
  const {project, service} = options;
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  const contract = contractOf(project, service, problems);
  problems.throwIfErrors();
  const names = contract.map((column) => column.name);
  for (const name of options.columns ?? []) {
    if (!names.includes(name)) throw DaedalusError.of("reference-unknown", {what: "column", name, owner: `service "${service.name}"`, nearest: findNearest(name, names), hint: `its columns are ${names.join(", ")}`});
  }
  const wanted = options.columns && options.columns.length > 0 ? names.filter((name) => options.columns!.includes(name)) : names;
  const session = await DuckDbSession.open({config: project.runtime.compute.duckdbConfig});
  const interrupt = (): void => session.interrupt();
  effects.signal.addEventListener("abort", interrupt);
  try {
    const derivation = new Rederivation(session, project, service, plan, effects.environment);
    const found = await findRow(derivation, {keys: options.keys, at: options.at, columns: wanted});
    const stored = await readStored(session, {found, names: wanted}, options, effects.environment);
    const sql = await findOperatorSql(session, {project, service, plan, day: found.day, environment: effects.environment});
    const columns: ColumnExplanation[] = [];
    for (const name of wanted) {
      effects.signal.throwIfAborted();
      columns.push(await explainColumn(name, {derivation, found, stored: stored.values, sql}));
    }
    return {
      service: service.name,
      day: found.day,
      row: found.row,
      file: found.file,
      fileRow: found.fileRow,
      droppedBy: found.droppedBy,
      partition: stored.partition,
      columns,
    };
  } finally {
    effects.signal.removeEventListener("abort", interrupt);
    session.close();
  }
}

type StoredRow = Readonly<Record<string, string | null>>;

interface Stored {
  readonly partition: RowExplanation["partition"];
  readonly values: readonly StoredRow[];
}

/** The row as the newest published stage of its day holds it; several where the dataset cannot tell rows of the spine apart. */
async function readStored(session: DuckDbSession, {found, names}: {found: FoundRow; names: readonly string[]}, {project, service, outputRoot}: ExplainOptions, environment: Effects["environment"]): Promise<Stored> {
  const store = await openPartitions(project, service, outputRoot, environment);
  const stage = (["dataset", "skeleton"] as const).find((candidate) => store.findManifest(candidate, found.day) !== undefined);
  if (stage === undefined) return {partition: undefined, values: []};
  await store.prepare(session);
  const relation = renderParquetRelation(store.filesOf(stage, found.day));
  const present = new Set((await session.describe(`SELECT * FROM ${relation}`)).map((column) => column.name));
  const time = project.views.get(service.spine.view)!.timestampColumn!;
  const known = Object.entries(found.row).filter(([name]) => present.has(name));
  const isThis = known.map(([name, value]) => `CAST(${quoteName(name)} AS VARCHAR) IS NOT DISTINCT FROM ${value === null ? "NULL" : quoteText(value)}`);
  const select = names.filter((name) => present.has(name)).map((name) => `CAST(${quoteName(name)} AS VARCHAR) AS ${quoteName(name)}`);
  const canTell = present.has(time) && select.length > 0;
  const values = canTell ? ((await session.rows(`SELECT ${select.join(", ")} FROM ${relation} WHERE ${isThis.join(" AND ")}`)) as StoredRow[]) : [];
  return {partition: {directory: store.directoryOf(stage, found.day), stage, hasRow: values.length > 0}, values};
}

interface ColumnContext {
  readonly derivation: Rederivation;
  readonly found: FoundRow;
  readonly stored: readonly StoredRow[];
  readonly sql: (column: string, claim: Claim) => OperatorSql | undefined;
}

async function explainColumn(name: string, {derivation, found, stored, sql}: ColumnContext): Promise<ColumnExplanation> {
  const {project, service} = derivation;
  const claim = findClaim(project, service!, name);
  const inDataset = stored[0]?.[name];
  if (!claim) {
    const enrichment = project.aggregations.enrichments.find((spec) => spec.name === name);
    const definition = enrichment ? `${enrichment.udfName} of ${enrichment.sourceIdColumn}, in store ${enrichment.storeName}` : "its default: nothing produces it";
    const inputs = enrichment ? {[enrichment.sourceIdColumn]: await readValue(derivation, found, enrichment.sourceIdColumn)} : undefined;
    return {name, kind: enrichment ? "enrichment" : "default", definition, value: undefined, stored: inDataset, agrees: undefined, history: undefined, inputs, operator: undefined};
  }
  const value = await readValue(derivation, found, name);
  const agrees = inDataset === undefined ? undefined : stored.some((row) => row[name] === value);
  const shown = agrees ? value : inDataset;
  const common = {name, kind: claim.kind, definition: describeClaim(claim), value, stored: shown, agrees, operator: sql(name, claim), history: undefined, inputs: undefined};
  if (claim.kind === "derived") {
    const inputs: Record<string, string | null> = {};
    for (const input of derivation.namesIn(claim.derived.sql)) inputs[input] = await readValue(derivation, found, input);
    return {...common, inputs};
  }
  if (claim.kind === "aggregation") {
    const window = derivation.windows.get(name)!;
    const evidence = (await readWindowEvidence(derivation, window, [found.id])).get(found.id) ?? [];
    const lookbackDays = window.cut === undefined ? undefined : service!.spine.lookbackDays;
    return {...common, history: summarize(evidence, deriveWindow(evidence, {spec: claim.spec, atUs: found.atUs, lookbackDays}), found.atUs)};
  }
  if (claim.kind === "view") {
    const evidence = (await readVersionEvidence(derivation, found.rows, claim.view, claim.field, [found.id])).get(found.id) ?? [];
    return {...common, history: summarize(evidence, deriveVersion(evidence, {view: claim.view, atUs: found.atUs}), found.atUs)};
  }
  return common;
}

async function readValue(derivation: Rederivation, found: FoundRow, name: string): Promise<string | null> {
  await derivation.request(found.rows, name);
  const [row] = await derivation.session.rows(`SELECT CAST(${quoteName(name)} AS VARCHAR) AS value FROM ${found.rows.table} WHERE __id = ${found.id}`);
  return row!["value"] as string | null;
}

function summarize(evidence: readonly Evidence[], {verdicts}: Derived, atUs: number): ColumnExplanation["history"] {
  const dropped: Partial<Record<Rule, number>> = {};
  for (const rule of verdicts) if (rule !== undefined) dropped[rule] = (dropped[rule] ?? 0) + 1;
  const distance = (index: number): number => Math.abs((evidence[index]!.atUs ?? atUs) - atUs);
  const nearest = [...evidence.keys()].sort((a, b) => Number(verdicts[a] !== undefined) - Number(verdicts[b] !== undefined) || distance(a) - distance(b));
  const kept = nearest.slice(0, shownMax).sort((a, b) => (evidence[a]!.atUs ?? 0) - (evidence[b]!.atUs ?? 0) || a - b);
  const shown = kept.map((index): ConsideredRow => {
    const {file, fileRow, atUs: rowUs, knownUs, value} = evidence[index]!;
    return {file, fileRow, atUs: rowUs, knownUs, value, rule: verdicts[index]};
  });
  return {total: evidence.length, used: verdicts.filter((rule) => rule === undefined).length, dropped, shown};
}
