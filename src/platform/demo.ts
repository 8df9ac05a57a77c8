/** The example project with generated data, from nothing to a trained dataset, and what to do with it then. */
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from "node:fs";
import {basename, dirname, join, relative, resolve} from "node:path";
import {DuckDbSession} from "../engines/duckdb/connection.js";
import {DaedalusError} from "../errors.js";
import {quoteText} from "../sources/quote.js";
import {openContext} from "./context.js";
import {writeDemoProject} from "./demo-data.js";
import {formatCount, formatNumber, formatPath} from "./format.js";
import {runBuildStore} from "./stores.js";
import type {Terminal} from "./terminal.js";
import {runTrain} from "./train-run.js";

export interface DemoOptions {
  /** Relative to where the command was called. */
  readonly directory: string;
  readonly days: number;
}

const seed = 7;
const service = "dssm_ranking";
const store = "artwork_embeddings";

/** Makes a folder one of ours, and says what its data was made with once all of it is there. */
const markerPath = join(".daedalus", "demo.json");

/** A second run keeps the project as it is, edits included, and trains what is not up to date. */
export async function runDemo(options: DemoOptions, terminal: Terminal): Promise<string> {
  const root = resolve(terminal.directory, options.directory);
  const marker = JSON.stringify({seed, days: options.days});
  if (readMarker(root) === undefined) checkFolder(root);
  const inside: Terminal = {...terminal, directory: root};
  const flags = {};
  if (readMarker(root) !== marker) {
    writeMarker(root, "unfinished");
    terminal.note(`writing the project and ${formatNumber(options.days, "day")} of events`);
    await writeDemoProject(root, {seed, days: options.days});
    terminal.note(`building the embedding store ${store}`);
    await runBuildStore(openContext(flags, inside).loadProject(), store, inside);
    writeMarker(root, marker);
  }
  const report = await runTrain({flags, service, stages: "both"}, inside);
  const last = report.days.at(-1)!;
  const rows = report.days.reduce((sum, day) => sum + day.rows, 0);
  const written = report.days.filter((day) => day.state === "written").length;
  const daeda = commandIn(root, terminal);
  const from = formatPath(last.directory, terminal.directory);
  return [
    `${service}: ${formatNumber(report.days.length, "day")}, ${formatCount(rows)} rows (${written} written now, ${report.days.length - written} current)`,
    `  ${formatPath(report.outputDirectory, terminal.directory)}`,
    "",
    `One row of ${from}:`,
    ...(await readOneRow(last.directory)),
    "",
    "Next, change a line of feature_services/ or config/ and make that day again:",
    `  cd ${options.directory}`,
    `  ${daeda} services show ${service}`,
    `  ${daeda} lint`,
    `  ${daeda} pipeline train ${service} --target-date ${last.day}`,
  ].join("\n");
}

/** What to type for `daeda` in a folder: a clone has no command of that name. */
function commandIn(folder: string, {scriptPath}: Terminal): string {
  return basename(scriptPath) === "daeda" ? "daeda" : `node ${relative(folder, scriptPath)}`;
}

/** Nothing of somebody else's is overwritten. */
function checkFolder(root: string): void {
  if (existsSync(root) && readdirSync(root).length > 0) throw DaedalusError.of("folder-foreign", {path: root, what: "a demo"});
}

function writeMarker(root: string, text: string): void {
  const path = join(root, markerPath);
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, text);
}

function readMarker(root: string): string | undefined {
  const path = join(root, markerPath);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** The row with the longest lists, a line for each column: it shows most. */
async function readOneRow(directory: string): Promise<string[]> {
  const session = await DuckDbSession.open();
  try {
    const files = `read_parquet(${quoteText(join(directory, "*.parquet"))}, hive_partitioning = false)`;
    const longest = `FROM ${files} ORDER BY len(like_artwork_ids_7d) DESC, event_timestamp, user_id, artwork_id LIMIT 1`;
    const [row = {}] = await session.rows(`SELECT coalesce(CAST(COLUMNS(*) AS VARCHAR), 'NULL') FROM (${longest})`);
    const width = Math.max(...Object.keys(row).map((name) => name.length));
    return Object.entries(row).map(([name, text]) => `  ${name.padEnd(width)}  ${text as string}`);
  } finally {
    session.close();
  }
}
