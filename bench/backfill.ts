/**
 * How much less does a backfill cost than its days, and does memory grow with them? `npm run build && npx tsx bench/backfill.ts [DAYS] [ENGINE]`
 * Thirty days of 100,000 events by 20,000 users, four windows of up to a week. Single days and the backfill run in processes of
 * their own, in turn; the seconds are those of the training itself, without the start of Node.
 */
import {spawnSync} from "node:child_process";
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {loadProject} from "../src/definitions/project.js";
import {DuckDbSession} from "../src/engines/duckdb/connection.js";
import {realEffects} from "../src/pipeline/effects.js";
import {train} from "../src/pipeline/train.js";
import {quoteText} from "../src/sources/quote.js";

const seed = 1;
const eventsPerDay = 100_000;
const users = 20_000;

const files = {
  "feature_views/feed.yaml": `
name: feed
entity: [user, item]
source: {path: data/feed, timestamp_field: event_at}
fields:
  - {name: event, dtype: TEXT}
`,
  "feature_services/ranking.yaml": `
name: ranking
spine: {view: feed}
columns:
  - {name: user_id, kind: key, dtype: BIGINT}
  - {name: item_id, kind: key, dtype: BIGINT}
  - {name: event_at, kind: event, dtype: TIMESTAMP}
  - {name: likes_7d, kind: aggregation}
  - {name: views_7d, kind: aggregation}
  - {name: like_count_7d, kind: aggregation}
  - {name: view_count_1d, kind: aggregation}
`,
  "config/training/aggregations.yaml": `
aggregation_specs:
  - {name: likes_7d, group_by: [user_id], value_column: item_id, operation: list, window_days: 7, max_items: 32, condition: "hist.event = 'like'", exclude_self: true}
  - {name: views_7d, group_by: [user_id], value_column: item_id, operation: list, window_days: 7, max_items: 32, condition: "hist.event = 'view'"}
  - {name: like_count_7d, group_by: [user_id], operation: count, window_days: 7, condition: "hist.event = 'like'"}
  - {name: view_count_1d, group_by: [user_id], operation: count, window_days: 1, condition: "hist.event = 'view'"}
`,
  "config/training/runtime.yaml": `
feed_start: "202601"
feed_end: "202612"
output_root: out
compute: {engine: duckdb, duckdb_config: {threads: "2", memory_limit: "4GiB"}}
`,
};

const dayOf = (index: number): string => new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10);

async function makeProject(days: number): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), "daedalus-backfill-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), {recursive: true});
    writeFileSync(join(root, path), text);
  }
  const session = await DuckDbSession.open();
  for (let index = 0; index < days; index += 1) {
    const folder = join(root, "data", "feed", `dt=${dayOf(index)}`);
    mkdirSync(folder, {recursive: true});
    // A hash of a hash: DuckDB joins the hashes of several values by XOR, which would leave two salts correlated.
    const chance = (salt: number): string => `(hash(hash(i, ${index}, ${salt + 10 * seed})) % 1000000) / 1000000.0`;
    await session.run(`COPY (
      SELECT floor(${users} * pow(${chance(1)}, 2))::BIGINT AS user_id, floor(50000 * pow(${chance(2)}, 2))::BIGINT AS item_id,
        TIMESTAMP ${quoteText(dayOf(index))} + to_microseconds(floor(86400000000 * ${chance(3)})::BIGINT) AS event_at,
        CASE WHEN ${chance(4)} < 0.2 THEN 'like' ELSE 'view' END AS event
      FROM range(${eventsPerDay}) AS t(i) ORDER BY event_at
    ) TO ${quoteText(join(folder, "part-0.parquet"))} (FORMAT parquet, COMPRESSION zstd)`);
  }
  session.close();
  return root;
}

interface Measured {
  readonly seconds: number;
  readonly peakMiB: number;
  /** Resident memory after each day. */
  readonly residentMiB: readonly number[];
}

/** The child's part: one training, its figures on stdout. */
async function measure(root: string, engine: string, targetDay: string | undefined): Promise<void> {
  const project = loadProject({root});
  const residentMiB: number[] = [];
  const onEvent = (event: {readonly kind: string}): void => {
    if (event.kind === "day-done") residentMiB.push(process.memoryUsage.rss() / 2 ** 20);
  };
  const {seconds} = await train({project, service: project.services.get("ranking")!, stages: "both", isForced: true, engine, targetDay}, {...realEffects, onEvent});
  console.log(JSON.stringify({seconds, peakMiB: process.resourceUsage().maxRSS / 1024, residentMiB} satisfies Measured));
}

function runChild(root: string, engine: string, targetDay?: string): Measured {
  const args = ["--import", "tsx", fileURLToPath(import.meta.url), "--child", root, engine, ...(targetDay === undefined ? [] : [targetDay])];
  const {stdout, stderr, status} = spawnSync(process.execPath, args, {encoding: "utf8"});
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Measured;
}

async function compare(days: number, engine: string): Promise<void> {
  const root = await makeProject(days);
  try {
    runChild(root, engine, dayOf(0));
    const singles: Measured[] = [];
    for (let index = 0; index < days; index += 1) singles.push(runChild(root, engine, dayOf(index)));
    const backfill = runChild(root, engine);
    const sum = singles.reduce((total, single) => total + single.seconds, 0);
    const mean = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;
    const third = Math.ceil(days / 3);
    console.log(`${engine}: days ${days}, events a day ${eventsPerDay}, seed ${seed}`);
    console.log(`single days, summed   ${sum.toFixed(1)} s, peak of the largest ${Math.max(...singles.map((single) => single.peakMiB)).toFixed(0)} MiB`);
    console.log(`backfill              ${backfill.seconds.toFixed(1)} s, peak ${backfill.peakMiB.toFixed(0)} MiB`);
    console.log(`ratio                 ${(backfill.seconds / sum).toFixed(2)} (at most 0.33)`);
    console.log(`resident after a day  ${mean(backfill.residentMiB.slice(third, 2 * third)).toFixed(0)} MiB in the middle third, ${mean(backfill.residentMiB.slice(-third)).toFixed(0)} MiB in the last`);
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}

const [mode, rootOrEngine, engine, day] = process.argv.slice(2);
if (mode === "--child") await measure(rootOrEngine!, engine!, day);
else await compare(Number(mode ?? 30), rootOrEngine ?? "native");
