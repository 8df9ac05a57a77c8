/** Each check on hand-made rows, and what becomes of a day that fails one. */
import {mkdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {DaedalusError} from "../../src/errors.js";
import {listChecks} from "../../src/pipeline/check-labels.js";
import {PartitionStore} from "../../src/pipeline/partition.js";
import {runChecks, type CheckResult} from "../../src/pipeline/quality.js";
import {buildStore} from "../../src/pipeline/store-build.js";
import {quoteText} from "../../src/sources/quote.js";
import {writeFiles} from "../support/project-files.js";
import {runDaeda} from "../support/run-daeda.js";
import {makeShop, readDatasets, readManifestOf, shopDays, shopFiles, trainShop} from "../support/shop-project.js";

let session: DuckDbSession;
const roots: string[] = [];
beforeAll(async () => {
  session = await DuckDbSession.open();
});
afterAll(() => {
  session.close();
  for (const root of roots) rmSync(root, {recursive: true, force: true});
});

const files = {
  "feature_views/events.yaml": "name: events\nentity: user\nsource: {path: data, timestamp_field: ts}\nfields: [{name: x, dtype: DOUBLE}]\n",
  "config/training/aggregations.yaml":
    "enrichment_specs: [{name: v, source_id_column: user_id, store_name: s, udf_name: lookup_embedding_udf}]\nembedding_stores: [{name: s, path: s, id_column: id, embedding_column: e, embedding_dim: 2}]\n",
};

interface Case {
  /** As in the YAML: `checks` of the one column, or of the day. */
  readonly checks: string;
  readonly rows: string;
  readonly column?: string;
  readonly isOfDay?: boolean;
}

async function check({checks, rows, column = "x", isOfDay = false}: Case): Promise<readonly CheckResult[]> {
  const columns = isOfDay ? `columns: [{name: ${column}}]\nchecks: [${checks}]` : `columns: [{name: ${column}, checks: [${checks}]}]`;
  const root = writeFiles({...files, "feature_services/s.yaml": `name: s\nspine: {view: events}\n${columns}\n`});
  roots.push(root);
  const file = join(root, "rows.parquet");
  await session.run(`COPY (SELECT * FROM (${rows}) AS t(${column})) TO ${quoteText(file)} (FORMAT parquet)`);
  const service = loadProject({root}).services.get("s")!;
  const neighbours = {partitions: new PartitionStore(join(root, "out")), stage: "skeleton", day: "2026-03-01"} as const;
  return runChecks(session, [file], service, {columns: [column], hasTableChecks: isOfDay, neighbours});
}

const values = (...rows: readonly string[]): string => `VALUES ${rows.map((row) => `(${row})`).join(", ")}`;
const empty = (type: string): string => `SELECT NULL::${type} LIMIT 0`;

describe("a check of a column", () => {
  it.each([
    ["not_null: true", values("1", "2"), true, "0 rows"],
    ["not_null: true", values("1", "NULL"), false, "1 rows"],
    ["not_null: true", values("'NaN'::DOUBLE"), true, "0 rows"],
    ["not_null: true", empty("BIGINT"), true, "0 rows"],
    ["unique: true", values("1", "2", "NULL", "NULL"), true, "0 rows"],
    ["unique: true", values("1", "1", "1"), false, "2 rows"],
    ["unique: true", values("'NaN'::DOUBLE", "'NaN'"), false, "1 rows"],
    ["unique: true", values("[1, 2]", "[1, 2]", "[2, 1]"), false, "1 rows"],
    ["range: [0, 10]", values("0", "10", "NULL"), true, "0 rows"],
    ["range: [0, 10]", values("-0.1", "10.1", "5"), false, "2 rows"],
    ["range: [0, null]", values("1e300::DOUBLE", "'NaN'", "'Infinity'"), false, "1 rows"],
    ["range: [null, 10]", values("'NaN'::FLOAT", "'-Infinity'"), false, "1 rows"],
    ["range: [null, null]", values("1::BIGINT"), true, "0 rows"],
    ["range: [0, 10]", empty("DOUBLE"), true, "0 rows"],
    ["range: [0, 10]", values("NULL::INTEGER", "NULL"), true, "0 rows"],
    ["accepted_values: [a, b]", values("'a'", "'b'", "NULL"), true, "0 rows"],
    ["accepted_values: [a, b]", values("'a'", "'c'", "'c'"), false, "2 rows"],
    ["accepted_values: [1, a]", values("'1'", "'a'"), true, "0 rows"],
    ["accepted_values: [1, 2, a]", values("1::BIGINT", "3"), false, "1 rows"],
    ["accepted_values: [1.5]", values("2::INTEGER"), false, "1 rows"],
    ["accepted_values: [1.5, 2]", values("1.5::DOUBLE", "2.0", "'NaN'"), false, "1 rows"],
    ["accepted_values: [300]", values("1::TINYINT"), false, "1 rows"],
    ["accepted_values: [true]", values("true", "false"), false, "1 rows"],
    ["accepted_values: [2026-03-01, no day]", values("DATE '2026-03-01'", "DATE '2026-03-02'"), false, "1 rows"],
    ["accepted_values: [a]", values("NULL::VARCHAR"), true, "0 rows"],
    ["max_null_fraction: 0.5", values("1", "NULL"), true, "50.00 % NULL"],
    ["max_null_fraction: 0.5", values("1", "NULL", "NULL"), false, "66.67 % NULL"],
    ["max_null_fraction: 0", values("'NaN'::DOUBLE"), true, "0.00 % NULL"],
    ["max_null_fraction: 0", empty("DOUBLE"), true, "0.00 % NULL"],
    ["max_null_fraction: 0.99", values("NULL::DOUBLE", "NULL"), false, "100.00 % NULL"],
  ])("{%s} on %s is %s: %s", async (text, rows, isPassed, found) => {
    expect(await check({checks: `{${text}}`, rows})).toEqual([{check: expect.stringContaining(text.split(":")[0]!) as string, severity: "error", isPassed, found}]);
  });

  it.each([
    ["0.5", values("[1.0::FLOAT, 2]", "NULL"), true, "50.00 % of the rows have a vector"],
    ["0.51", values("[1.0::FLOAT, 2]", "NULL"), false, "50.00 % of the rows have a vector"],
    ["0.01", values("NULL::FLOAT[]"), false, "0.00 % of the rows have a vector"],
    ["0", values("NULL::FLOAT[]"), true, "0.00 % of the rows have a vector"],
    ["1", empty("FLOAT[]"), true, "no rows"],
  ])("{embedding_coverage: %s} on %s is %s: %s", async (fraction, rows, isPassed, found) => {
    const results = await check({checks: `{embedding_coverage: ${fraction}}`, rows, column: "v"});
    expect(results).toEqual([{check: `v: embedding_coverage ${fraction}`, severity: "error", isPassed, found}]);
  });

  it("has the severity that it says", async () => {
    const results = await check({checks: "{not_null: true, severity: warn}, {unique: true}", rows: values("NULL::INTEGER")});
    expect(results.map(({severity, isPassed}) => [severity, isPassed])).toEqual([["warn", false], ["error", true]]);
  });

  it.each([
    ["range: [0, 1]", values("'a'"), "numbers", "VARCHAR"],
    ["range: [0, 1]", values("[1]"), "numbers", "INTEGER[]"],
    ["range: [0, 1]", values("TIMESTAMP '2026-03-01'"), "numbers", "TIMESTAMP"],
    ["accepted_values: [1]", values("[1]"), "single values", "INTEGER[]"],
  ])("{%s} on %s is refused at its place", async (text, rows, expected, type) => {
    const error: unknown = await check({checks: `{${text}}`, rows}).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DaedalusError);
    expect(error).toMatchObject({code: "check-impossible", facts: {column: "x", expected, type}, place: {file: "feature_services/s.yaml", line: 3, column: 30, length: text.length + 2}});
  });
});

describe("a check of a day", () => {
  it.each([
    ["min_rows: 2", values("1", "NULL"), true, "2 rows"],
    ["min_rows: 3", values("1", "NULL"), false, "2 rows"],
    ["min_rows: 1", empty("BIGINT"), false, "0 rows"],
    ["unique: [x]", values("1", "2", "NULL"), true, "0 rows repeat others"],
    ["unique: [x]", values("1", "NULL", "NULL"), false, "1 rows repeat others"],
    ["row_count_change: {max_fraction: 0}", values("1"), true, "1 rows; no day before is published"],
    ["row_count_change: {max_fraction: 9, against: 2026-02-01}", values("1"), false, "2026-02-01 is not published, and no other day is: train it first"],
    ["row_count_change: {max_fraction: 0, against: 2026-03-01}", values("1"), true, "1 rows; this is the day itself"],
  ])("{%s} on %s is %s: %s", async (text, rows, isPassed, found) => {
    expect(await check({checks: `{${text}}`, rows, isOfDay: true})).toMatchObject([{isPassed, found}]);
  });
});

const service = (changes: {readonly checks?: string; readonly quantity?: string; readonly price?: string; readonly brand?: string; readonly bought?: string}): string =>
  shopFiles["feature_services/basket.yaml"]
    .replace("{name: quantity, kind: event, dtype: INTEGER}", `{name: quantity, kind: event, dtype: INTEGER, checks: [${changes.quantity ?? ""}]}`)
    .replace("{name: price, kind: feature, dtype: DOUBLE}", `{name: price, kind: feature, dtype: DOUBLE, checks: [${changes.price ?? ""}]}`)
    .replace("{name: brand, kind: feature, dtype: TEXT}", `{name: brand, kind: feature, dtype: TEXT, checks: [${changes.brand ?? ""}]}`)
    .replace('dtype: "BIGINT[]"}', `dtype: "BIGINT[]", checks: [${changes.bought ?? ""}]}`)
    .concat(changes.checks === undefined ? "" : `checks: [${changes.checks}]\n`);

async function makeChecked(changes: Parameters<typeof service>[0]): Promise<string> {
  const root = await makeShop({"feature_services/basket.yaml": service(changes)});
  roots.push(root);
  return root;
}

/** Fewer orders on the day than the shop has, and other ones on request. */
async function changeOrders(root: string, day: string, select: string): Promise<void> {
  const path = join(root, `data/orders/dt=${day}/part-0.parquet`);
  await session.run(`CREATE OR REPLACE TEMP TABLE changed AS SELECT * EXCLUDE (dt) FROM read_parquet(${quoteText(path)}, hive_partitioning = true)`);
  await session.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
}

const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => "it did not fail", (reason: unknown) => reason);

describe("row_count_change", () => {
  const limit = "{row_count_change: {max_fraction: 0.5}, severity: warn}";

  it("compares with the newest published day before, and passes where there is none", async () => {
    const root = await makeChecked({checks: limit});
    await changeOrders(root, "2026-03-01", "FROM changed LIMIT 100");
    const run = await trainShop(root, {dayWorkers: 1});
    expect(run.days.map(({checks}) => [checks[0]!.isPassed, checks[0]!.found])).toEqual([
      [true, "200 rows; no day before is published"],
      [true, "200 rows, 200 on 2026-02-26 (+0.0 %)"],
      [true, "100 rows, 200 on 2026-02-27 (-50.0 %)"],
      [false, "200 rows, 100 on 2026-03-01 (+100.0 %)"],
    ]);
  });

  it("fails beyond its limit in both directions, and says both counts", async () => {
    const root = await makeChecked({checks: limit.replace(", severity: warn", "")});
    await changeOrders(root, "2026-03-01", "FROM changed LIMIT 99");
    await trainShop(root, {targetDay: "2026-02-27"});
    expect(await failure(trainShop(root, {targetDay: "2026-03-01"}))).toMatchObject({
      code: "checks-failed",
      facts: {failed: ["row_count_change 0.5 against previous (99 rows, 200 on 2026-02-27 (-50.5 %))"]},
    });
    await changeOrders(root, "2026-03-02", "FROM changed UNION ALL SELECT * REPLACE (line + 1000 AS line) FROM (FROM changed LIMIT 102)");
    expect(await failure(trainShop(root, {targetDay: "2026-03-02"}))).toMatchObject({
      facts: {failed: ["row_count_change 0.5 against previous (302 rows, 200 on 2026-02-27 (+51.0 %))"]},
    });
  });

  it("compares with a pinned day, later than the day or not, and names days that exist where it does not", async () => {
    const root = await makeChecked({checks: "{row_count_change: {max_fraction: 0.1, against: 2026-03-02}, severity: warn}"});
    const alone = await trainShop(root, {targetDay: "2026-02-26"});
    expect(alone.days[0]!.checks).toMatchObject([{isPassed: false, severity: "warn", found: "2026-03-02 is not published, and no other day is: train it first"}]);
    const next = await trainShop(root, {targetDay: "2026-02-27"});
    expect(next.days[0]!.checks).toMatchObject([{isPassed: false, found: "2026-03-02 is not published: train it first, or compare with one of 2026-02-26"}]);
    const all = await trainShop(root, {isForced: true});
    expect(all.days.map(({checks}) => checks[0]!.found)).toEqual([...Array<string>(3).fill("200 rows, 200 on 2026-03-02 (+0.0 %)"), "200 rows; this is the day itself"]);
  });

  it("lets an empty day follow an empty day, and nothing else", async () => {
    const root = await makeChecked({checks: "{row_count_change: {max_fraction: 5}, severity: warn}"});
    const path = join(root, "feature_services/basket.yaml");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, `${text}filters: [{name: none, sql: "quantity > 100"}]\n`);
    await trainShop(root, {targetDay: "2026-02-26"});
    expect((await trainShop(root, {targetDay: "2026-02-27"})).days[0]!.checks).toMatchObject([{isPassed: true, found: "0 rows, 0 on 2026-02-26"}]);
    writeFileSync(path, text);
    expect((await trainShop(root, {targetDay: "2026-03-01"})).days[0]!.checks).toMatchObject([{isPassed: false, found: "200 rows, 0 on 2026-02-27"}]);
  });
});

describe("drift", () => {
  const drift = "{drift: {against: 2026-02-27, max_psi: 0.5}, severity: warn}";

  it("passes for days of the same kind, and makes the pinned day first", async () => {
    const root = await makeChecked({quantity: drift, brand: drift, bought: drift.replace("0.5", "5")});
    const run = await trainShop(root, {dayWorkers: 1});
    const starts = run.events.flatMap((event) => (event.kind === "day-start" ? [event.day] : []));
    expect(starts).toEqual(["2026-02-27", "2026-02-26", "2026-03-01", "2026-03-02"]);
    expect(run.days.map(({day}) => day)).toEqual(shopDays);
    expect(run.days[1]!.checks.map((result) => result.found)).toEqual(Array(3).fill("this is the day itself"));
    for (const result of run.days[3]!.checks) {
      expect(result).toMatchObject({isPassed: true, found: expect.stringMatching(/^PSI \d\.\d{4} against 2026-02-27$/) as string});
    }
    // Every day has the same quantities.
    expect(run.days[3]!.checks[0]!.found).toBe("PSI 0.0000 against 2026-02-27");
  });

  it("sees a new category, and names the bucket that it is in", async () => {
    const root = await makeChecked({brand: drift});
    await trainShop(root, {targetDay: "2026-02-27"});
    await session.run(`COPY (SELECT i::BIGINT AS product_id, 'new brand' AS brand FROM range(11) AS t(i)) TO ${quoteText(join(root, "data/products.parquet"))} (FORMAT parquet)`);
    const run = await trainShop(root, {targetDay: "2026-03-01"});
    expect(run.days[0]!.checks[0]).toMatchObject({
      check: "brand: drift against 2026-02-27, max_psi 0.5",
      isPassed: false,
      found: expect.stringMatching(/^PSI \d+\.\d{4} against 2026-02-27, most of it from other values: 0\.0 % there, \d+\.\d % here$/) as string,
    });
  });

  it("passes a day without rows, and does not compare with one", async () => {
    const root = await makeChecked({quantity: drift});
    const path = join(root, "feature_services/basket.yaml");
    const text = readFileSync(path, "utf8");
    await trainShop(root, {targetDay: "2026-02-27"});
    writeFileSync(path, `${text}filters: [{name: none, sql: "quantity > 100"}]\n`);
    expect((await trainShop(root, {targetDay: "2026-03-01"})).days[0]!.checks).toMatchObject([{isPassed: true, found: "no rows"}]);
    await trainShop(root, {targetDay: "2026-02-27"});
    writeFileSync(path, text);
    expect((await trainShop(root, {targetDay: "2026-03-01"})).days[0]!.checks).toMatchObject([{isPassed: false, found: "2026-02-27 has no rows to compare with"}]);
  });

  it("fails where the pinned day is not published, lacks the column or has it with another type", async () => {
    const root = await makeChecked({quantity: drift});
    const result = async (): Promise<CheckResult> => (await trainShop(root, {targetDay: "2026-03-01", isForced: true})).days[0]!.checks[0]!;
    expect(await result()).toMatchObject({isPassed: false, found: "2026-02-27 is not published, and no other day is: train it first"});
    await trainShop(root, {targetDay: "2026-02-27"});
    expect(await result()).toMatchObject({isPassed: true});
    const pinned = join(root, "out/basket/skeleton/dt=2026-02-27/part-00000.parquet");
    await session.run(`COPY (SELECT 'many' AS quantity) TO ${quoteText(pinned)} (FORMAT parquet)`);
    expect(await result()).toMatchObject({isPassed: false, found: "2026-02-27 holds VARCHAR, not INTEGER: make it again"});
    await session.run(`COPY (SELECT 1 AS other) TO ${quoteText(pinned)} (FORMAT parquet)`);
    expect(await result()).toMatchObject({isPassed: false, found: "2026-02-27 was made without this column: make it again"});
  });

  it("is an error where the pinned day's files are gone or damaged", async () => {
    const root = await makeChecked({quantity: drift});
    await trainShop(root, {targetDay: "2026-02-27"});
    const pinned = join(root, "out/basket/skeleton/dt=2026-02-27/part-00000.parquet");
    writeFileSync(pinned, "no parquet");
    expect(await failure(trainShop(root, {targetDay: "2026-03-01"}))).toMatchObject({code: "file-unreadable"});
    rmSync(pinned);
    expect(await failure(trainShop(root, {targetDay: "2026-03-01"}))).toMatchObject({code: "file-missing"});
  });
});

describe("the gate", () => {
  it("keeps the old partition, exits with 3 and tells what was found; once the check passes, the day is published", async () => {
    const root = await makeChecked({brand: "{drift: {against: 2026-02-27}}", price: "{max_null_fraction: 0.01, severity: warn}"});
    await trainShop(root, {targetDay: "2026-02-27"});
    await trainShop(root, {targetDay: "2026-03-01"});
    const before = await readDatasets(root);
    await session.run(`COPY (SELECT i::BIGINT AS product_id, 'new brand' AS brand FROM range(11) AS t(i)) TO ${quoteText(join(root, "data/products.parquet"))} (FORMAT parquet)`);
    const {exitCode, stdout, stderr} = await runDaeda(["pipeline", "train", "basket", "--target-date", "2026-03-01"], {directory: root});
    expect({exitCode, stdout}).toEqual({exitCode: 3, stdout: ""});
    expect(stderr).toMatch(/error checks-failed: basket 2026-03-01 failed its checks: brand: drift against 2026-02-27, max_psi 0\.2 \(PSI .*other values/);
    expect(await readDatasets(root)).toEqual(before);

    writeFileSync(join(root, "feature_services/basket.yaml"), service({brand: "{drift: {against: 2026-02-27}, severity: warn}"}));
    const mended = await runDaeda(["pipeline", "train", "basket", "--target-date", "2026-03-01"], {directory: root});
    expect(mended.exitCode).toBe(0);
    expect(mended.stdout).toMatch(/^ {2}2026-03-01: warn brand: drift against 2026-02-27, max_psi 0\.2: PSI/m);
    expect(await readDatasets(root)).not.toEqual(before);
  });

  it("refuses NULL in a column that may have none, beside a check of it that only warns", async () => {
    const basket = shopFiles["feature_services/basket.yaml"];
    const root = await makeShop({"feature_services/basket.yaml": basket.replace("dtype: BIGINT}", "dtype: BIGINT, nullable: false, checks: [{not_null: true, severity: warn}]}")});
    const checks = ["customer_id: not nullable", "customer_id: not_null"];
    expect(listChecks(loadProject({root}).services.get("basket")!).map(({check}) => check)).toEqual(checks);
    expect(await failure(trainShop(root, {targetDay: "2026-03-01"}))).toMatchObject({code: "checks-failed", facts: {failed: [expect.stringContaining(checks[0]!)]}});
  });

  it("records every result in the manifest of the skeleton and of the dataset", async () => {
    const root = await makeChecked({checks: "{min_rows: 1}, {row_count_change: {max_fraction: 0.5}}", price: "{max_null_fraction: 0.0001, severity: warn}"});
    await trainShop(root, {targetDay: "2026-03-01"});
    for (const stage of ["skeleton", "dataset"]) {
      expect(readManifestOf(root, stage, "2026-03-01")["checks"]).toEqual([
        {check: "price: max_null_fraction 0.0001", severity: "warn", passed: false, found: expect.stringMatching(/ % NULL$/) as string},
        {check: "min_rows 1", severity: "error", passed: true, found: "200 rows"},
        {check: "row_count_change 0.5 against previous", severity: "error", passed: true, found: "200 rows; no day before is published"},
      ]);
    }
  });

  it("checks embedding columns when the vectors are added, and keeps the old dataset where too few rows have one", async () => {
    const root = await makeChecked({});
    const path = join(root, "feature_services/basket.yaml");
    const aggregations = join(root, "config/training/aggregations.yaml");
    writeFileSync(
      aggregations,
      `${readFileSync(aggregations, "utf8")}enrichment_specs: [{name: v, source_id_column: product_id, store_name: s, udf_name: lookup_embedding_udf}]
embedding_stores: [{name: s, path: store, id_column: id, embedding_column: e, embedding_dim: 2, source_parquet: vectors.parquet}]\n`,
    );
    // Half of the twelve products have vectors.
    await session.run(`COPY (SELECT i::BIGINT AS id, [i, 1.0]::FLOAT[] AS e FROM range(6) AS t(i)) TO ${quoteText(join(root, "vectors.parquet"))} (FORMAT parquet)`);
    const withChecks = (checks: string): void => writeFileSync(path, `${service({})}  - {name: v, kind: enrichment, dtype: "HALF_FLOAT[2]", checks: [${checks}]}\n`);
    withChecks("{embedding_coverage: 0.3}, {drift: {against: 2026-02-27}, severity: warn}");
    await buildStore(loadProject({root}).aggregations.stores.get("s")!, {root, session});
    const run = await trainShop(root);
    expect(run.days[1]!.checks.map(({isPassed, found}) => [isPassed, found])).toEqual([[true, expect.stringMatching(/^[45]\d\.\d\d % of the rows have a vector$/)], [true, "this is the day itself"]]);
    expect(run.days[2]!.checks.map(({isPassed, found}) => [isPassed, found])).toEqual([[true, expect.stringMatching(/ % of the rows/)], [true, expect.stringMatching(/^PSI 0\.0\d{3} against 2026-02-27$/)]]);
    const before = await readDatasets(root);
    withChecks("{embedding_coverage: 0.9}");
    const {exitCode, stderr} = await runDaeda(["pipeline", "train", "basket", "--target-date", "2026-03-01"], {directory: root});
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/v: embedding_coverage 0\.9 \([45]\d\.\d\d % of the rows have a vector\)/);
    expect(await readDatasets(root)).toEqual(before);
  });

  it("passes over folders that are no partition when it looks for the day before", async () => {
    const root = await makeChecked({checks: "{row_count_change: {max_fraction: 0.5}}"});
    await trainShop(root, {targetDay: "2026-02-26"});
    mkdirSync(join(root, "out/basket/skeleton/dt=2026-02-28"));
    expect((await trainShop(root, {targetDay: "2026-03-01"})).days[0]!.checks[0]!.found).toBe("200 rows, 200 on 2026-02-26 (+0.0 %)");
  });
});
