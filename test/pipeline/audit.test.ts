/** Files with one planted mistake each, made by SQL of the test's own: the audit must find it, name it, and pass what is clean. */
import {cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {basename, join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {audit, type AuditOptions, type AuditReport, type ColumnAudit} from "../../src/pipeline/audit.js";
import {train} from "../../src/pipeline/train.js";
import {digestOf} from "../../src/plan/digest.js";
import {quoteText} from "../../src/sources/quote.js";
import {makeShop, shopFiles, trainShop, writeTables} from "../support/shop-project.js";

const day = "2026-03-01";
const dayUs = 86_400_000_000;

/** Ratings are made at noon and published hours later; stock is joined whatever the time. */
const views = {
  "feature_views/ratings.yaml": `
name: ratings
entity: product
source: {path: data/ratings.parquet, timestamp_field: rated_at}
time: {available_at: published_at}
fields:
  - {name: rating, dtype: BIGINT}
`,
  "feature_views/shelf.yaml": `
name: shelf
entity: product
source: {path: data/shelf.parquet, timestamp_field: put_at}
time: {valid_to: taken_at}
fields:
  - {name: shelf, dtype: BIGINT}
`,
  "feature_views/stock.yaml": `
name: stock
entity: product
source: {path: data/stock.parquet, timestamp_field: counted_at}
time: {join: latest}
fields:
  - {name: stock, dtype: BIGINT}
`,
  "feature_services/basket.yaml": shopFiles["feature_services/basket.yaml"]
    .replace("spine: {view: orders}", "spine: {view: orders, item_key: product_id}\nderived:\n  - {name: price_twice, dtype: DOUBLE, sql: price * 2}")
    .concat(
      `  - {name: rating, kind: feature, dtype: BIGINT}
  - {name: stock, kind: feature, dtype: BIGINT}
  - {name: shelf, kind: feature, dtype: BIGINT}
  - {name: rated, kind: aggregation, dtype: "BIGINT[]"}
  - {name: others, kind: aggregation, dtype: "BIGINT[]"}
  - {name: brands, kind: aggregation, dtype: "TEXT[]"}
  - {name: same_quantity, kind: aggregation, dtype: BIGINT}
  - {name: with_this, kind: aggregation, dtype: BIGINT}
  - {name: price_twice, kind: derived, dtype: DOUBLE}
  - {name: origin, default: shop}
`,
    ),
  "config/training/aggregations.yaml": `${shopFiles["config/training/aggregations.yaml"]}
  - {name: rated, history: ratings, group_by: [product_id], value_column: rating, operation: list, window_days: 3}
  - {name: others, group_by: [customer_id], value_column: product_id, operation: list, window_days: 3, max_items: 5, exclude_self: true, condition: "hist.quantity > 1"}
  - {name: brands, group_by: [customer_id], value_column: brand, operation: list, window_days: 1, max_items: 3}
  - {name: same_quantity, group_by: [customer_id], operation: count, window_days: 2, condition: "hist.quantity = cur.quantity"}
  - {name: with_this, group_by: [customer_id], operation: count, window_days: 2, include_current: true}
`,
};

const tables = {
  "data/ratings.parquet": `SELECT (i % 12)::BIGINT AS product_id, TIMESTAMP '2026-02-25 12:00:00' + to_hours((i % 97)::BIGINT) AS rated_at,
    TIMESTAMP '2026-02-25 12:00:00' + to_hours((i % 97 + 1 + i % 40)::BIGINT) AS published_at, i AS rating FROM range(400) AS t(i)`,
  "data/shelf.parquet": `SELECT (i % 12)::BIGINT AS product_id, TIMESTAMP '2026-02-20' + to_hours((i * 9)::BIGINT) AS put_at,
    CASE WHEN i < 18 OR i % 5 > 0 THEN put_at + to_hours((40 + i % 60)::BIGINT) END AS taken_at, i AS shelf FROM range(30) AS t(i)`,
  "data/stock.parquet": "SELECT (i % 12)::BIGINT AS product_id, TIMESTAMP '2026-02-20' + to_hours((i * 9)::BIGINT) AS counted_at, i AS stock FROM range(60) AS t(i)",
};

let root: string;
let session: DuckDbSession;
beforeAll(async () => {
  root = await makeShop(views, tables);
  await trainShop(root);
  session = await DuckDbSession.open();
});
afterAll(() => {
  session.close();
  rmSync(root, {recursive: true, force: true});
});

const clean = (): string => join(root, "out", "basket", "dataset", `dt=${day}`);

function run(path: string, options: Partial<AuditOptions> = {}): Promise<AuditReport> {
  return audit({project: loadProject({root}), path, sample: undefined, seed: 1, ...options});
}

/** A copy of the clean day with one column replaced by what the SQL gives for each row `r`. */
async function plant(name: string, column: string, sql: string): Promise<string> {
  const directory = join(root, "planted", name);
  mkdirSync(directory, {recursive: true});
  const orders = `(FROM read_parquet(${quoteText(join(root, "data/orders/*/*.parquet"))}))`;
  const read = (file: string): string => `(FROM read_parquet(${quoteText(join(root, "data", file))}))`;
  const query = sql.replaceAll("$orders", orders).replaceAll("$prices", read("prices.parquet")).replaceAll("$shelf", read("shelf.parquet")).replaceAll("$ratings", read("ratings.parquet"));
  await session.run(`COPY (SELECT r.* REPLACE (${query} AS ${column}) FROM read_parquet(${quoteText(join(clean(), "*.parquet"))}, hive_partitioning = false) AS r ORDER BY r.file_row_number) TO ${quoteText(join(directory, "a.parquet"))} (FORMAT parquet)`);
  return directory;
}

const bought = (window: string, last = 4): string =>
  `(SELECT coalesce(list(product_id ORDER BY h."at", line, customer_id, product_id), [])[-${last}:] FROM $orders AS h WHERE h.customer_id = r.customer_id AND ${window})`;

async function auditColumn(path: string, column: string): Promise<ColumnAudit> {
  const report = await run(path, {service: "basket"});
  expect(report.isPassed).toBe(false);
  const wrong = report.columns.filter((found) => found.mismatches > 0).map(({name}) => name);
  expect(wrong).toEqual([column]);
  return report.columns.find((found) => found.name === column)!;
}

/** How many rows of the planted file differ from the clean one. */
async function countPlanted(directory: string, column: string): Promise<number> {
  const from = (path: string): string => `(SELECT row_number() OVER () AS n, ${column} AS c FROM read_parquet(${quoteText(join(path, "*.parquet"))}))`;
  const [row] = await session.rows(`SELECT count(*) AS count FROM ${from(clean())} AS a JOIN ${from(directory)} AS b USING (n) WHERE a.c IS DISTINCT FROM b.c`);
  return Number(row!["count"]);
}

describe("a clean partition", () => {
  it("passes in every column, each row of each day", async () => {
    const report = await run(join(root, "out", "basket", "dataset"));
    expect(report.columns.filter((column) => column.mismatches > 0).map(({name, examples}) => ({name, examples}))).toEqual([]);
    expect(report).toMatchObject({isPassed: true, service: "basket", rows: 800, rowsChecked: 800, seed: undefined, notes: [], contradictions: []});
    expect(report.columns).toHaveLength(17);
    expect(report.skipped).toEqual([{name: "origin", reason: "nothing produces it: it holds its default"}]);
  });

  it("declares a column of join: latest as a risk, with the rows that see the future by definition", async () => {
    const report = await run(clean());
    const stock = report.columns.find((column) => column.name === "stock")!;
    expect(stock).toMatchObject({status: "risk", mismatches: 0, usedFuture: 200, definition: "stock.stock (join: latest of stock)"});
    expect(report.columns.filter((column) => column.status !== "ok").map(({name}) => name)).toEqual(["stock"]);
  });

  it("is checked on the same rows with the same seed, and on others with another", async () => {
    const report = await run(clean(), {sample: 20, seed: 7});
    expect(report).toMatchObject({isPassed: true, rows: 200, rowsChecked: 20, seed: 7});
    const wrong = await plant("half", "quantity", "CASE WHEN r.product_id % 2 = 0 THEN 99 ELSE r.quantity END");
    const count = async (seed: number): Promise<unknown> => (await run(wrong, {service: "basket", sample: 20, seed})).columns.map(({mismatches, examples}) => ({mismatches, examples}));
    expect(await count(7)).toEqual(await count(7));
    expect(await count(7)).not.toEqual(await count(8));
  });
});

describe.each(["windows", "time-rules"])("the golden case %s", (name) => {
  it("passes: tags, pairs of rows, keys that a view brings, late and inclusive views", async () => {
    const copy = join(root, "golden", name);
    cpSync(join(import.meta.dirname, "..", "golden", name), copy, {recursive: true});
    const inputs = readdirSync(join(copy, "inputs"));
    await writeTables(copy, Object.fromEntries(inputs.map((file) => [`data/${basename(file, ".sql")}.parquet`, readFileSync(join(copy, "inputs", file), "utf8")])));
    const project = loadProject({root: copy});
    const {rows, outputDirectory} = await train({project, service: [...project.services.values()][0]!, stages: "both", targetDay: "2026-03-02"});
    const report = await audit({project, path: outputDirectory, sample: undefined, seed: 1});
    expect(report.columns.filter((column) => column.mismatches > 0)).toEqual([]);
    expect(report).toMatchObject({isPassed: true, rowsChecked: rows});
  });
});

describe("a planted leak", () => {
  it("is found when the boundary of a window is inclusive", async () => {
    const path = await plant("inclusive", "bought", bought(`h."at" <= r."at" AND h."at" >= r."at" - INTERVAL 2 DAY`));
    const found = await auditColumn(path, "bought");
    const planted = await countPlanted(path, "bought");
    expect(planted).toBeGreaterThan(100);
    expect(found).toMatchObject({status: "leak", mismatches: planted, usedFuture: planted, worstLeadUs: 0});
    expect(found.explanations.reduce((sum, {rows}) => sum + rows, 0)).toBe(planted);
    expect(found.examples).toHaveLength(3);
    expect(found.examples[0]!.row).toMatchObject({customer_id: expect.any(String) as string, at: expect.stringContaining("2026-03-01") as string});
    expect(found.examples[0]!.stored).not.toBe(found.examples[0]!.expected);
  });

  it("is found when the current event is counted", async () => {
    const path = await plant("current", "orders_ever", "r.orders_ever + CASE WHEN r.customer_id IS NULL THEN 0 ELSE 1 END");
    const found = await auditColumn(path, "orders_ever");
    expect(found).toMatchObject({status: "leak", mismatches: 180, usedFuture: 180, worstLeadUs: 0});
    expect(found.explanations).toEqual([{text: "the row itself was counted", rows: 180, usesFuture: true}]);
  });

  it("is found when a view is joined as of now", async () => {
    const path = await plant("latest", "price", "(SELECT arg_max(price, valid_at) FROM $prices AS p WHERE p.product_id = r.product_id)");
    const report = await run(path, {service: "basket"});
    const price = report.columns.find((column) => column.name === "price")!;
    const planted = await countPlanted(path, "price");
    expect(price).toMatchObject({status: "leak", mismatches: planted, usedFuture: planted, explanations: [{text: "the newest version of all was used", rows: planted, usesFuture: true}]});
    // The last price is of 2026-03-09 05:00, the first order of the day just after midnight.
    expect(price.worstLeadUs! / dayUs).toBeGreaterThan(7);
    expect(price.worstLeadUs! / dayUs).toBeLessThan(9);
  });

  it("is found when a value is used before it was available", async () => {
    const path = await plant("late", "rating", "(SELECT arg_max(rating, (rated_at, rating)) FROM $ratings AS h WHERE h.product_id = r.product_id AND rated_at < r.\"at\")");
    const found = await auditColumn(path, "rating");
    const planted = await countPlanted(path, "rating");
    expect(planted).toBeGreaterThan(20);
    expect(found).toMatchObject({status: "leak", mismatches: planted, usedFuture: planted, explanations: [{text: "the time at which versions became known was ignored", rows: planted, usesFuture: true}]});
    expect(found.worstLeadUs).toBeGreaterThan(3_600_000_000);
    expect(found.worstLeadUs).toBeLessThanOrEqual(40 * 3_600_000_000);
  });

  it("is found when a window's events are used before they were available", async () => {
    const path = await plant("late-window", "rated", `(SELECT coalesce(list(rating ORDER BY rated_at, rating), []) FROM $ratings AS h WHERE h.product_id = r.product_id AND rated_at < r."at" AND rated_at >= r."at" - INTERVAL 3 DAY)`);
    const found = await auditColumn(path, "rated");
    expect(found).toMatchObject({status: "leak", mismatches: await countPlanted(path, "rated")});
    expect(found.usedFuture).toBe(found.mismatches);
    expect(found.explanations[0]).toMatchObject({text: "the time at which events became known was ignored"});
  });

  it("is found when events of the days after were used", async () => {
    const path = await plant("after", "bought", bought(`h."at" < r."at" + INTERVAL 1 DAY AND h."at" >= r."at" - INTERVAL 1 DAY`, 1000));
    const found = await auditColumn(path, "bought");
    expect(found.usedFuture).toBe(180);
    expect(found.worstLeadUs! / dayUs).toBeGreaterThan(0.9);
  });

  it("is found through a derived column, which is as wrong as its input", async () => {
    const latest = await plant("latest-both", "price", "(SELECT arg_max(price, valid_at) FROM $prices AS p WHERE p.product_id = r.product_id)");
    const directory = join(root, "planted", "derived");
    mkdirSync(directory);
    await session.run(`COPY (SELECT * REPLACE (price * 2 AS price_twice) FROM read_parquet(${quoteText(join(latest, "a.parquet"))})) TO ${quoteText(join(directory, "a.parquet"))} (FORMAT parquet)`);
    const report = await run(directory, {service: "basket"});
    const twice = report.columns.find((column) => column.name === "price_twice")!;
    expect(twice).toMatchObject({status: "leak", explanations: [{text: "its input price is wrong: the newest version of all was used"}]});
  });
});

describe("a planted mistake without the future", () => {
  it.each([
    ["count", "with_this", `(SELECT count(*) + 1 FROM $orders AS h WHERE h.customer_id = r.customer_id AND h."at" < r."at" AND h."at" >= r."at" - INTERVAL 3 DAY) * CASE WHEN r.customer_id IS NULL THEN 0 ELSE 1 END`],
    ["list", "rated", `(SELECT coalesce(list(rating ORDER BY rated_at, rating), []) FROM $ratings AS h WHERE h.product_id = r.product_id AND published_at < r."at" AND rated_at >= r."at" - INTERVAL 4 DAY)`],
  ])("is told apart from a leak when the window of a %s is too long", async (name, column, sql) => {
    const path = await plant(`long-${name}`, column, sql);
    const count = await countPlanted(path, column);
    expect(count).toBeGreaterThan(50);
    const found = await auditColumn(path, column);
    expect(found).toMatchObject({status: "mismatch", mismatches: count, usedFuture: 0, worstLeadUs: undefined});
    expect(found.explanations).toEqual([{text: "events from before the window were counted", rows: count, usesFuture: false}]);
  });

  it.each([
    ["exclude_self is ignored", "exclude_self was ignored", "AND quantity > 1"],
    ["a condition is ignored", "the condition was ignored", "AND product_id IS DISTINCT FROM r.product_id"],
  ])("is named when %s", async (name, text, condition) => {
    const path = await plant(name.replaceAll(" ", "-"), "others", bought(`h."at" < r."at" AND h."at" >= r."at" - INTERVAL 3 DAY ${condition}`, 5));
    const found = await auditColumn(path, "others");
    expect(found).toMatchObject({status: "mismatch", usedFuture: 0});
    expect(found.explanations[0]!.text).toBe(text);
  });

  it("is named when the end of a range is ignored", async () => {
    const path = await plant("ended", "shelf", '(SELECT arg_max(shelf, put_at) FROM $shelf AS h WHERE h.product_id = r.product_id AND put_at < r."at")');
    const count = await countPlanted(path, "shelf");
    expect(count).toBeGreaterThan(20);
    expect(await auditColumn(path, "shelf")).toMatchObject({status: "mismatch", mismatches: count, usedFuture: 0, explanations: [{text: "the end of the version's range was ignored", rows: count}]});
  });

  it("is found when a value of the spine was changed, or a row made up", async () => {
    const changed = await auditColumn(await plant("changed", "quantity", "CASE WHEN r.quantity = 4 THEN 5 ELSE r.quantity END"), "quantity");
    expect(changed.explanations).toMatchObject([{text: "the source holds another value"}]);
    const report = await run(await plant("made-up", '"at"', `r."at" + INTERVAL 1 MICROSECOND`), {service: "basket"});
    expect(report.columns.find((column) => column.name === "customer_id")).toMatchObject({mismatches: 200, explanations: [{text: "the spine has no such row"}]});
    expect(report.notes).toEqual(['200 of the rows checked are no rows of the spine of service "basket"']);
  });
});

describe("a file that is not ours", () => {
  /** Other names, other types of the same values. */
  async function foreign(): Promise<string> {
    const path = join(root, "foreign.parquet");
    await session.run(`COPY (SELECT customer_id::INTEGER AS who, product_id::INTEGER AS what, "at"::TIMESTAMPTZ AS moment, price AS cost, orders_ever::INTEGER AS n, bought AS seen FROM read_parquet(${quoteText(join(clean(), "*.parquet"))})) TO ${quoteText(path)} (FORMAT parquet)`);
    return path;
  }
  const keys = {spineKeys: ["customer_id=who", "product_id=what"], time: "moment"};

  it("is audited by a mapping, without a service where only views are mapped", async () => {
    const report = await run(await foreign(), {mapping: {spineKeys: ["product_id=what"], time: "moment", columns: ["cost=prices.price"]}});
    expect(report).toMatchObject({isPassed: true, service: undefined, rowsChecked: 200, columns: [{name: "cost", definition: "prices.price", status: "ok"}]});
  });

  it("is audited by aggregations of a service", async () => {
    const report = await run(await foreign(), {service: "basket", mapping: {...keys, columns: ["n=orders_ever", "seen=bought"]}});
    expect(report).toMatchObject({isPassed: true, columns: [{status: "ok"}, {status: "ok"}]});
    const other = await run(await foreign(), {service: "basket", mapping: {...keys, columns: ["n=same_quantity"]}});
    expect(other.isPassed).toBe(false);
  });

  it("is refused with what is missing", async () => {
    const path = await foreign();
    const refuse = (mapping: Partial<AuditOptions["mapping"]>, options: Partial<AuditOptions> = {}): Promise<AuditReport> => run(path, {mapping: {...keys, columns: ["cost=prices.price"], ...mapping}, ...options});
    await expect(run(path)).rejects.toMatchObject({code: "audit-empty-mapping"});
    await expect(refuse({columns: ["=prices.price"]})).rejects.toMatchObject({code: "flag-wrong"});
    await expect(refuse({columns: ["cost=prices.prize"]})).rejects.toMatchObject({code: "audit-definition-unknown", facts: {nearest: "prices.price"}});
    await expect(refuse({columns: ["cost=price.price"]})).rejects.toMatchObject({code: "audit-definition-unknown", facts: {nearest: "prices.price"}});
    await expect(refuse({columns: ["costs=prices.price"]})).rejects.toMatchObject({code: "audit-column-missing", facts: {nearest: "cost"}});
    await expect(refuse({columns: ["n=orders_ever"]})).rejects.toMatchObject({code: "audit-service-needed", facts: {services: ["basket"]}});
    await expect(refuse({columns: ["n=order_ever"]}, {service: "basket"})).rejects.toMatchObject({code: "audit-definition-unknown", facts: {nearest: "orders_ever"}});
    await expect(refuse({spineKeys: ["product_id=article"]})).rejects.toMatchObject({code: "audit-column-missing", facts: {what: "the key product_id"}});
    await expect(refuse({spineKeys: ["customer_id=who"]})).rejects.toMatchObject({code: "flag-wrong"});
    await expect(refuse({spineKeys: []})).rejects.toMatchObject({code: "flag-wrong", facts: {flag: "spine-key"}});
    await expect(refuse({time: undefined})).rejects.toMatchObject({code: "flag-wrong", facts: {flag: "time"}});
    await expect(refuse({time: "when"})).rejects.toMatchObject({code: "audit-column-missing"});
    await expect(refuse({time: "what"})).rejects.toMatchObject({code: "audit-dtype"});
    await expect(refuse({}, {service: "baskets"})).rejects.toMatchObject({code: "reference-unknown", facts: {nearest: "basket"}});
    await expect(run(join(root, "nowhere"))).rejects.toMatchObject({code: "file-missing"});
  });
});

describe("a partition that is not as it should be", () => {
  /** With `isSigned` the change is one that a run of another version could have written. */
  function copyDay(name: string): {path: string; edit: (change: Record<string, unknown>, options?: {isSigned: boolean}) => void} {
    const path = join(root, "copies", name, `dt=${day}`);
    cpSync(clean(), path, {recursive: true});
    const file = join(path, "_manifest.json");
    return {
      path,
      edit: (change, {isSigned} = {isSigned: false}) => {
        const {digest, ...content} = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
        const manifest = {...content, ...change};
        writeFileSync(file, JSON.stringify({...manifest, digest: isSigned ? digestOf(manifest) : digest}));
      },
    };
  }

  it("is audited with a word about the other version that made it", async () => {
    const {path, edit} = copyDay("version");
    edit({service_version: 7, versions: {daedalus: "0.0.1", duckdb: "v1", node: "20"}}, {isSigned: true});
    const report = await run(path);
    expect(report.isPassed).toBe(true);
    expect(report.notes).toEqual([
      expect.stringContaining("was made by version 0.0.1") as string,
      expect.stringContaining('was made as version 7 of service "basket", its definition says 1') as string,
    ]);
  });

  it("is audited when another version wrote its manifest in another form", async () => {
    const {path, edit} = copyDay("older");
    edit({format: 0, rows: undefined, files: undefined, versions: {daedalus: "0.0.1"}}, {isSigned: true});
    expect(await run(path)).toMatchObject({isPassed: true, service: "basket", notes: [expect.stringContaining("was made by version 0.0.1")]});
  });

  it("fails when its manifest says something else than its files", async () => {
    const {path, edit} = copyDay("edited");
    edit({rows: 300, day: "2026-03-02"}, {isSigned: true});
    const report = await run(path);
    expect(report.isPassed).toBe(false);
    expect(report.contradictions).toEqual([`dt=${day}: its manifest says 300 rows in all, its files have 200`, `dt=${day}: its manifest says 2026-03-02`]);
  });

  it("fails when its manifest was edited by hand", async () => {
    const {path, edit} = copyDay("forged");
    edit({}, {isSigned: true});
    expect((await run(path)).contradictions).toEqual([]);
    edit({seconds: 0});
    expect(await run(path)).toMatchObject({isPassed: false, contradictions: [`dt=${day}: its manifest was edited, its digest is not that of its content`]});
  });

  it("is refused when its manifest is none", async () => {
    const {path} = copyDay("broken");
    writeFileSync(join(path, "_manifest.json"), '{"format": 1}');
    await expect(run(path)).rejects.toMatchObject({code: "manifest-broken"});
    writeFileSync(join(path, "_manifest.json"), "{");
    await expect(run(path)).rejects.toMatchObject({code: "manifest-broken"});
  });

  it("is refused when its files cannot be read", async () => {
    const {path} = copyDay("unreadable");
    writeFileSync(join(path, "part-00000.parquet"), "PAR1 no PAR1");
    await expect(run(path)).rejects.toMatchObject({code: "file-unreadable"});
  });

  it("is refused when a column has another type", async () => {
    const path = await plant("dtype", "bought", "CAST(r.bought AS VARCHAR)");
    await expect(run(path, {service: "basket"})).rejects.toMatchObject({code: "audit-dtype", facts: {column: "bought", found: "VARCHAR", expected: "BIGINT[]"}});
    const keys = await plant("key-dtype", "customer_id", "CAST(r.customer_id AS VARCHAR)");
    await expect(run(keys, {service: "basket"})).rejects.toMatchObject({code: "audit-dtype", facts: {column: "customer_id"}});
  });

  it("passes without rows, and says that there are none", async () => {
    const directory = join(root, "planted", "empty");
    mkdirSync(directory, {recursive: true});
    await session.run(`COPY (SELECT * FROM read_parquet(${quoteText(join(clean(), "*.parquet"))}, hive_partitioning = false) LIMIT 0) TO ${quoteText(join(directory, "a.parquet"))} (FORMAT parquet)`);
    expect(await run(directory, {service: "basket"})).toMatchObject({isPassed: true, rows: 0, rowsChecked: 0, notes: ["there are no rows"]});
  });
});
