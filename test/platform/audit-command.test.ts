import {existsSync, mkdirSync, readFileSync, rmSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {quoteText} from "../../src/sources/quote.js";
import {runDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, trainShop} from "../support/shop-project.js";

let root: string;
const daeda = (...args: readonly string[]): Promise<RunResult> => runDaeda(args, {directory: root});

beforeAll(async () => {
  root = await makeShop({}, {"data/products.parquet": "SELECT i::BIGINT AS product_id, '<b>&\"brand\"</b> ' || (i % 3) AS brand FROM range(11) AS t(i)"});
  await trainShop(root);
  mkdirSync(join(root, "leaky"));
  const session = await DuckDbSession.open();
  const clean = `read_parquet(${quoteText(join(root, "out/basket/dataset/dt=2026-03-01/*.parquet"))}, hive_partitioning = false)`;
  await session.run(`COPY (SELECT * REPLACE (orders_ever + 1 AS orders_ever, '<script>alert(1)</script>' AS brand) FROM ${clean} WHERE customer_id IS NOT NULL) TO ${quoteText(join(root, "leaky/a.parquet"))} (FORMAT parquet)`);
  session.close();
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

describe("audit", () => {
  it("exits with 0 for a service's folder that is as its definitions say", async () => {
    const {exitCode, stdout, stderr} = await daeda("audit", "out/basket", "--full");
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ""});
    expect(stdout).toContain("out/basket (basket): all 800 rows");
    expect(stdout).toMatch(/^bought +ok +0 +0 +list of product_id over 2 days$/m);
    expect(stdout).toContain("8 columns checked, none differs");
  });

  it("exits with 3 for a leak, which the JSON answer tells apart from a mismatch", async () => {
    const {exitCode, stdout} = await daeda("audit", "leaky", "--service", "basket", "--sample", "50", "--seed", "3", "--format", "json");
    expect(exitCode).toBe(3);
    const answer = JSON.parse(stdout) as {columns: {name: string; status: string; worst_lead_us: number | null; examples: object[]}[]};
    expect(answer).toMatchObject({service: "basket", passed: false, rows: 180, rows_checked: 50, seed: 3});
    const found = Object.fromEntries(answer.columns.map((column) => [column.name, column.status]));
    expect(found).toMatchObject({orders_ever: "leak", brand: "mismatch", price: "ok"});
    expect(answer.columns.find(({name}) => name === "orders_ever")).toMatchObject({worst_lead_us: 0, explanations: [{text: "the row itself was counted", rows: 50, uses_future: true}]});
  });

  it("checks the columns that are asked for, and exits by them", async () => {
    expect((await daeda("audit", "leaky", "--service", "basket", "--column", "price", "--column", "bought")).exitCode).toBe(0);
    const {exitCode, stdout} = await daeda("audit", "leaky", "--spine-key", "product_id", "--time", "at", "--column", "brand=products.brand");
    expect(exitCode).toBe(3);
    expect(stdout).toContain("brand: 180 rows of 180 differ");
    expect(stdout).toMatch(/^1 column differs without a leak$/m);
  });

  it("writes one page that holds everything, with what is data escaped", async () => {
    const {exitCode, stdout} = await daeda("audit", "leaky", "--service", "basket", "--format", "html", "--output", "reports/audit.html");
    expect(exitCode).toBe(3);
    expect(stdout).toBe(`wrote ${join(root, "reports/audit.html")}\n`);
    const page = readFileSync(join(root, "reports/audit.html"), "utf8");
    expect(page).toContain("<code>orders_ever</code>: 180 of 180 rows differ");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(page).toContain("&lt;b&gt;&amp;&quot;brand&quot;&lt;/b&gt;");
    expect(page).not.toMatch(/<script|<b>|https?:|src=|@import|url\(/);
  });

  it("exits with 1 for what cannot be audited, and with 2 for flags that are wrong", async () => {
    const missing = await daeda("audit", "nowhere");
    expect(missing).toMatchObject({exitCode: 1, stdout: ""});
    expect(missing.stderr).toContain("file-missing");
    expect((await daeda("audit", "leaky")).stderr).toContain("audit-empty-mapping");
    expect((await daeda("audit", "leaky", "--sample", "0")).exitCode).toBe(2);
    expect((await daeda("audit", "leaky", "--format", "yaml")).exitCode).toBe(2);
    expect((await daeda("audit")).exitCode).toBe(2);
    const unwritable = await daeda("audit", "leaky", "--service", "basket", "--output", "leaky/a.parquet/page.html");
    expect(unwritable).toMatchObject({exitCode: 1});
    expect(existsSync(join(root, "leaky/a.parquet"))).toBe(true);
  });
});

describe("explain row", () => {
  it("answers in words, and with the same in JSON", async () => {
    const session = await DuckDbSession.open();
    const clean = `read_parquet(${quoteText(join(root, "out/basket/dataset/dt=2026-03-02/*.parquet"))})`;
    const [row] = await session.rows(`SELECT customer_id::VARCHAR AS customer, product_id::VARCHAR AS product, any_value(strftime("at", '%Y-%m-%dT%H:%M:%S')) AS moment, any_value(bought::VARCHAR) AS bought FROM ${clean} WHERE customer_id IS NOT NULL GROUP BY customer_id, product_id, "at" HAVING count(*) = 1 ORDER BY "at" DESC LIMIT 1`);
    session.close();
    const {customer, product, moment, bought} = row as Record<string, string>;
    const args = ["explain", "row", "basket", "--key", `customer_id=${customer!}`, "--key", `product_id=${product!}`, "--at", moment!, "--column", "bought"];
    const text = await daeda(...args);
    expect(text).toMatchObject({exitCode: 0, stderr: ""});
    expect(text.stdout).toContain(`  value     ${bought!} (as in the partition)`);
    expect(text.stdout).toContain("no: before the window");
    expect(text.stdout).toContain("data/orders/dt=2026-03-02/part-0.parquet");
    const answer = JSON.parse((await daeda(...args, "--format", "json")).stdout) as object;
    expect(answer).toMatchObject({service: "basket", day: "2026-03-02", dropped_by: null, columns: [{name: "bought", value: bought, stored: bought, agrees: true, history: {used: 4}}]});
  });

  it("exits with 1 where there is no such row, naming others, and with 2 without an instant", async () => {
    const {exitCode, stderr} = await daeda("explain", "row", "basket", "--key", "customer_id=1", "--key", "product_id=2", "--at", "2026-03-02T23:59:59");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/row-missing.*\n.*rows nearby: customer_id=1, product_id=2 at /);
    expect((await daeda("explain", "row", "basket", "--key", "customer_id=1")).exitCode).toBe(2);
  });
});
