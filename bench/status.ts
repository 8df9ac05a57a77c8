/**
 * How long do `pipeline plan` and `pipeline status` take over very many partitions? `npm run build && npx tsx bench/status.ts [DAYS]`
 * A service of twelve columns over a feed with a file a month; each day has a skeleton and a dataset with a manifest, and no rows:
 * the commands look at manifests alone. Cold: without summaries, as after copying a dataset; warm: as the cold run left them.
 * Whole commands are timed, with the start of Node.
 */
import {spawnSync} from "node:child_process";
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {loadProject} from "../src/definitions/project.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {DayPlanner} from "../src/pipeline/day-plan.js";
import {realEffects} from "../src/pipeline/effects.js";
import {manifestFormat, renderManifest, signManifest, type Manifest} from "../src/pipeline/manifest.js";
import {openService} from "../src/pipeline/open-service.js";
import type {Wanted} from "../src/pipeline/verdict.js";
import {version} from "../src/pipeline/version.js";
import {quoteText} from "../src/sources/quote.js";
import {startEnvironment} from "./start-environment.js";

const counts = ["views_1d", "views_7d", "likes_1d", "likes_7d", "likes_30d"];

const files = {
  "feature_views/feed.yaml": `
name: feed
entity: [user, item]
source: {path: data/feed, timestamp_field: event_at}
fields: [{name: event, dtype: TEXT}]
`,
  "feature_views/items.yaml": `
name: items
entity: item
source: {path: data/items.parquet, timestamp_field: updated_at}
ttl: 90d
fields: [{name: score, dtype: DOUBLE}]
`,
  "feature_services/ranking.yaml": `
name: ranking
spine: {view: feed}
columns:
  - {name: user_id, kind: key, dtype: BIGINT}
  - {name: item_id, kind: key, dtype: BIGINT}
  - {name: event_at, kind: event, dtype: TIMESTAMP}
  - {name: event, kind: event, dtype: TEXT}
  - {name: score, kind: feature, dtype: DOUBLE, checks: [{max_null_fraction: 0.1, severity: warn}]}
  - {name: liked_ids, kind: aggregation, dtype: "BIGINT[]"}
${counts.map((name) => `  - {name: ${name}, kind: aggregation, dtype: BIGINT}`).join("\n")}
`,
  "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: liked_ids, group_by: [user_id], value_column: item_id, operation: list, window_days: null, max_items: 32, condition: "hist.event = 'like'"}
${counts.map((name) => `  - {name: ${name}, group_by: [user_id], operation: count, window_days: ${/(\d+)d/.exec(name)![1]}}`).join("\n")}
`,
};

const firstDay = Date.UTC(1900, 0, 1);
const dayOf = (index: number): string => new Date(firstDay + index * 86_400_000).toISOString().slice(0, 10);
const monthOf = (index: number): string => dayOf(index).slice(0, 7).replace("-", "");

async function makeProject(days: number): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "daedalus-status-"));
  const runtime = `feed_start: "${monthOf(0)}"\nfeed_end: "${monthOf(days - 1)}"\noutput_root: out\n`;
  for (const [path, text] of Object.entries({...files, "config/training/runtime.yaml": runtime, "data/.keep": ""})) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    writeFileSync(join(root, path), text);
  }
  const session = await DuckDbSession.open();
  const events = `SELECT i % 100 AS user_id, i % 1000 AS item_id, TIMESTAMP '1900-01-01 12:00:00' + to_days(i::INTEGER) AS event_at, 'view' AS event FROM range(${days}) AS t(i)`;
  await session.run(`COPY (SELECT *, strftime(event_at, '%Y-%m') AS month FROM (${events})) TO ${quoteText(join(root, "data/feed"))} (FORMAT parquet, PARTITION_BY (month))`);
  await session.run(`COPY (SELECT i AS item_id, TIMESTAMP '1900-01-01' AS updated_at, 0.5::DOUBLE AS score FROM range(1000) AS t(i)) TO ${quoteText(join(root, "data/items.parquet"))} (FORMAT parquet)`);
  session.close();
  const project = loadProject({root});
  const open = await openService({project, service: project.services.get("ranking")!, stages: "both"}, realEffects);
  const planner = new DayPlanner(open);
  for (const day of open.days) {
    const skeleton = planner.wantedSkeleton(day);
    const writtenAt = `${day}T23:00:00.000Z`;
    for (const [stage, wanted] of [["skeleton", skeleton], ["dataset", planner.wantedDataset({writtenAt, carried: {}})]] as const) {
      const directory = open.partitions.directoryOf(stage, day);
      mkdirSync(directory, {recursive: true});
      writeFileSync(join(directory, "_manifest.json"), renderManifest(signManifest(makeManifest(stage, day, wanted, writtenAt))));
    }
  }
  return root;
}

function makeManifest(stage: "skeleton" | "dataset", day: string, wanted: Wanted, writtenAt: string): Omit<Manifest, "digest"> {
  return {
    format: manifestFormat,
    service: "ranking",
    service_version: 1,
    stage,
    day,
    plan_digest: "",
    sources: {},
    made_by: wanted.madeBy,
    reaches: Object.fromEntries(wanted.reaches),
    carried: {},
    skeleton_written_at: wanted.skeleton?.writtenAt,
    stores: wanted.stores,
    versions: {daedalus: version, duckdb: "v1", node: process.versions.node},
    aggregation_engine: "duckdb",
    rows: 1000,
    files: [{name: "part-0.parquet", rows: 1000, bytes: 50_000}],
    columns: wanted.madeBy.order.map((name) => ({name, type: "BIGINT", nulls: 0, min: "0", max: "999", distinct_estimate: 998})),
    checks: [{check: "score: max_null_fraction 0.1", severity: "warn", passed: day.endsWith("01"), found: "0.12 NULL"}],
    seconds: 1,
    peak_memory_bytes: 500_000_000,
    written_at: writtenAt,
  };
}

const daeda = fileURLToPath(new URL("../dist/platform/daeda.js", import.meta.url));
const reportPeak = 'data:text/javascript,process.on("exit", () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}`))';

function measure(root: string, command: string): string {
  const startedMs = performance.now();
  const {stdout, stderr, status} = spawnSync(process.execPath, ["--import", reportPeak, daeda, "pipeline", command, "ranking"], {cwd: root, encoding: "utf8", maxBuffer: 2 ** 28, env: startEnvironment});
  const seconds = (performance.now() - startedMs) / 1000;
  if (status !== 0 || !/0 missing/.test(stdout)) throw new Error(`${stdout.slice(0, 1000)}\n${stderr}`);
  return `${seconds.toFixed(2)} s, peak ${(Number(/peak (\d+)/.exec(stderr)![1]) / 1024).toFixed(0)} MiB`;
}

const days = Number(process.argv[2] ?? 50_000);
const root = await makeProject(days);
try {
  console.log(`${days} days, ${2 * days} partitions`);
  for (const command of ["plan", "status"]) {
    rmSync(join(root, "out/ranking/.summary"), {recursive: true, force: true});
    console.log(`${command}, cold: ${measure(root, command)}`);
    for (let repeat = 0; repeat < 3; repeat += 1) console.log(`${command}, warm: ${measure(root, command)}`);
  }
} finally {
  rmSync(root, {recursive: true, force: true});
}
