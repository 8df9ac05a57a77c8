/** `daeda test` on the shop of test/support: cases that pass, fail and make no sense, and cases made from its real rows. */
import {cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {parse} from "yaml";
import {afterAll, beforeAll, beforeEach, describe, expect, it} from "vitest";
import {runDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, readRows, trainShop} from "../support/shop-project.js";

const passing = `
day: 2026-03-01
cases:
  - name: an order of two days ago counts
    rows:
      orders:
        columns: [customer_id, product_id, at, line]
        rows: [[1, 10, 2026-02-27 12:00:00, 1], [1, 11, 12:00, 1]]
    expect: [{customer_id: 1, at: 12:00, bought: [10], orders_ever: 1}]
`;

let shop: string;
let root: string;
beforeAll(async () => {
  shop = await makeShop();
});
afterAll(() => rmSync(shop, {recursive: true}));
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "daedalus-tests-"));
  cpSync(shop, root, {recursive: true});
  return () => rmSync(root, {recursive: true});
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), {recursive: true});
  writeFileSync(join(root, path), text);
}

const daeda = (args: string): Promise<RunResult> => runDaeda(["test", ...args.split(" ").filter(Boolean)], {directory: root});

describe("daeda test", () => {
  it("runs every case below tests, with no source in place", async () => {
    rmSync(join(root, "data"), {recursive: true});
    write("tests/orders.test.yaml", passing);
    write("tests/more/again.test.yaml", passing);
    write("tests/notes.yaml", "not: a test");
    const {exitCode, stdout, stderr} = await daeda("");
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ""});
    expect(stdout.replaceAll(/\(\d+ ms\)|in [\d.]+ s/g, "-")).toBe(
      [
        "tests/more/again.test.yaml",
        "  ok    an order of two days ago counts -",
        "tests/orders.test.yaml",
        "  ok    an order of two days ago counts -",
        "2 cases: 2 passed, 0 failed, -",
        "",
      ].join("\n"),
    );
  });

  it("shows what was expected and what was found, with the place in the file, and exits with 1", async () => {
    write("tests/orders.test.yaml", passing.replace("bought: [10]", "bought: [11]"));
    const {exitCode, stdout} = await daeda("");
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`  FAIL  an order of two days ago counts`);
    expect(stdout).toContain(
      [
        '        tests/orders.test.yaml:9:50: "bought" of the row {customer_id: 1, at: 2026-03-01 12:00:00}',
        "           9 |     expect: [{customer_id: 1, at: 12:00, bought: [11], orders_ever: 1}]",
        "             |                                                  ^^^^",
        "          expected  [11]",
        "          found     [10]",
      ].join("\n"),
    );
  });

  it.each([
    ["a row that does not come", "expect: [{customer_id: 2, at: 12:00}, {customer_id: 1, at: 12:00}]", "the row {customer_id: 2, at: 2026-03-01 12:00:00} is missing"],
    ["a row that nobody expects", "expect: []", "a row that was not expected"],
    ["an error that does not come", "expect_error: duplicate-rows", "another error"],
    ["rows in another order", "expect: [{customer_id: 1, at: 12:00}, {customer_id: 1, at: 11:00}]", "comes in another order"],
  ])("fails for %s", async (_what, expectation, message) => {
    const rows = message.includes("order") ? passing.replace("rows: [[", "rows: [[1, 9, 11:00, 1], [") : passing;
    write("tests/orders.test.yaml", rows.replace(/expect: .*/, expectation));
    const {exitCode, stdout} = await daeda("");
    expect(exitCode).toBe(1);
    expect(stdout).toContain(message);
  });

  it("is content with some rows where only some are expected", async () => {
    write("tests/orders.test.yaml", passing.replace("rows: [[", "rows: [[1, 9, 11:00, 1], [").replace(/expect: .*/, "expect_some: [{customer_id: 1, at: 12:00, bought: [10, 9]}]"));
    expect((await daeda("")).exitCode).toBe(0);
  });

  it("answers with data", async () => {
    write("tests/orders.test.yaml", passing.replace("orders_ever: 1", "orders_ever: 2"));
    const {exitCode, stdout} = await daeda("tests/orders.test.yaml --format json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 0,
      failed: 1,
      cases: [{name: "an order of two days ago counts", file: "tests/orders.test.yaml", line: 4, passed: false, problems: [], differences: [{expected: "2", found: "1", line: 9}]}],
    });
  });

  it.each([
    ["an unknown key", ["expect:", "expects:"], 'key-unknown: unknown key "expects"', 'did you mean "expect"?'],
    ["an unknown view", ["orders:\n", "order:\n"], 'reference-unknown: view "order" does not exist', 'did you mean "orders"?'],
    ["an unknown column", ["line]", "lines]"], 'reference-unknown: column "orders:lines" does not exist', 'did you mean "line"?'],
    ["an unknown column that is expected", ["bought:", "bougth:"], 'column "bougth" of service "basket" does not exist', 'did you mean "bought"?'],
    ["an unknown service", ["day:", "service: baskets\nday:"], 'feature service "baskets" does not exist', 'did you mean "basket"?'],
    ["an unknown error", [/expect: .*/, "expect_error: duplicate-row"], '"expect_error" must be the code of an error', 'did you mean "duplicate-rows"?'],
    ["a value of another dtype", ["[1, 10, 2026", "[1, ten, 2026"], '"product_id" must be a whole number (BIGINT), not "ten"', "ten"],
    ["a timestamp that is none", ["2026-02-27 12:00:00", "2026-02-30 12:00:00"], '"at" must be a timestamp', "2026-02-30"],
    ["a row with a value too many", ["12:00, 1]]", "12:00, 1, 5]]"], '"rows" must be a list of 4 values, one for each column, not a list of 5', ""],
    ["a day that is none", ["day: 2026-03-01", "day: 2026-02-29"], '"2026-02-29" is not a day', ""],
    ["a case without a day", ["day: 2026-03-01", ""], 'needs the key "day"', ""],
    ["a case that expects nothing", [/ {4}expect: .*\n/, ""], 'needs the key "expect"', ""],
    ["a case that expects two things", [/expect: /, "expect_error: duplicate-rows\n    expect: "], '"expect" and "expect_error" cannot be set together', ""],
    ["broken YAML", ["cases:", "cases: ["], "yaml-broken", ""],
  ] as const)("says where %s stands", async (_what, [from, to], message, hint) => {
    write("tests/orders.test.yaml", passing.replace(from, to));
    const {exitCode, stdout, stderr} = await daeda("");
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toMatch(/tests\/orders\.test\.yaml:\d+:\d+: error/);
    expect(stdout + stderr).toContain(message);
    expect(stdout + stderr).toContain(hint);
  });

  it("wants a service where a project has several", async () => {
    write("tests/orders.test.yaml", passing);
    write("feature_services/other.yaml", readFileSync(join(root, "feature_services/basket.yaml"), "utf8").replace("name: basket", "name: other"));
    expect((await daeda("")).stdout).toContain('in a project with several services, needs the key "service"');
  });

  it("says which file or folder is not there", async () => {
    expect((await daeda("")).stderr).toContain("the folder of test files not found: tests");
    expect((await daeda("tests/none.test.yaml")).stderr).toContain("the test file or folder not found: tests/none.test.yaml");
    write("tests/notes.yaml", passing);
    expect((await daeda("tests")).stderr).toContain("a test file not found: tests/**/*.test.yaml");
    expect((await daeda("tests/notes.yaml")).exitCode).toBe(0);
  });

  it("refuses flags of --record without it", async () => {
    const {exitCode, stderr} = await daeda("--key customer_id=1");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("go with --record");
  });
});

describe("daeda test --record", () => {
  const day = "2026-03-01";
  let row: Record<string, unknown>;
  const args = (): string => `--record --service basket --key customer_id=${String(row["customer_id"])} --key product_id=${String(row["product_id"])} --at ${(row["at"] as string).replace(" ", "T")}`;
  beforeEach(async () => {
    const {days} = await trainShop(root, {targetDay: day});
    const rows = (await readRows(days[0]!.directory)).map((line) => JSON.parse(line) as Record<string, unknown>);
    row = rows.find((one) => one["customer_id"] !== null && one["price"] !== null && (one["bought"] as unknown[]).length === 4)!;
  });

  it("writes a case that expects of the row what the dataset holds, and needs no source", async () => {
    const {exitCode, stdout, stderr} = await daeda(args());
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ""});
    const [name] = readdirSync(join(root, "tests"));
    expect(stdout).toBe(`wrote tests/${name!}\n`);
    const {cases} = parse(readFileSync(join(root, "tests", name!), "utf8")) as {cases: {expect_some: Record<string, unknown>[]; rows: Record<string, {rows: unknown[]}>}[]};
    expect(cases[0]!.expect_some).toContainEqual(row);
    rmSync(join(root, "data"), {recursive: true});
    expect((await daeda("")).stdout).toContain("1 case: 1 passed, 0 failed");
  });

  it("leaves out what the row cannot reach", async () => {
    await daeda(`tests/one.test.yaml ${args()}`);
    const {cases} = parse(readFileSync(join(root, "tests/one.test.yaml"), "utf8")) as {cases: {rows: Record<string, {columns: string[]; rows: unknown[][]}>}[]};
    const {orders, prices, products} = cases[0]!.rows;
    const at = (columns: readonly string[], name: string): number => columns.indexOf(name);
    expect(new Set(orders!.rows.map((one) => one[at(orders!.columns, "customer_id")]))).toEqual(new Set([row["customer_id"]]));
    expect(orders!.rows.every((one) => (one[at(orders!.columns, "at")] as string) <= (row["at"] as string))).toBe(true);
    // The window of orders_ever has no beginning.
    expect(orders!.rows.length).toBeGreaterThan(Number(row["orders_ever"]));
    expect(prices!.rows.every((one) => one[at(prices!.columns, "product_id")] === row["product_id"])).toBe(true);
    expect(products!.rows).toHaveLength(1);
  });

  it("never overwrites a file", async () => {
    write("tests/one.test.yaml", passing);
    const {exitCode, stderr} = await daeda(`tests/one.test.yaml ${args()}`);
    expect(exitCode).toBe(1);
    expect(stderr).toContain("file-exists: a test file is already there: tests/one.test.yaml");
    expect(readFileSync(join(root, "tests/one.test.yaml"), "utf8")).toBe(passing);
  });

  it.each([
    ["no key", "--record --service basket --at 2026-03-01T00:00:00", "--key is missing"],
    ["a key without a value", "--record --service basket --key customer_id --at 2026-03-01T00:00:00", "--key customer_id does not fit"],
    ["a column that is no key", "--record --service basket --key quantity=1 --at 2026-03-01T00:00:00", "--key quantity does not fit"],
    ["no instant", "--record --service basket --key customer_id=1", "--at is missing"],
    ["an instant that is none", "--record --service basket --key customer_id=1 --at 12:00", "--at 12:00 does not fit"],
    ["a row that is not there", "--record --service basket --key customer_id=1 --at 2026-03-01T00:00:00.5", 'has no row customer_id=1 at 2026-03-01 00:00:00.5'],
    ["an unknown service", "--record --service nobody --key customer_id=1 --at 2026-03-01T00:00:00", 'feature service "nobody" does not exist'],
  ])("refuses %s", async (_what, command, message) => {
    const {exitCode, stderr} = await daeda(command);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(existsSync(join(root, "tests"))).toBe(false);
  });
});

describe("docs/guides/testing-features.md", () => {
  it("shows cases that pass", async () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/guides/testing-features.md"), "utf8");
    const [, path = "", text = ""] = /^```yaml\n# (\S+)\n([^]*?)^```$/m.exec(page)!;
    const directory = mkdtempSync(join(tmpdir(), "daedalus-guide-"));
    try {
      cpSync(join(import.meta.dirname, "../../examples/recommender"), directory, {recursive: true});
      writeFileSync(join(directory, path), text);
      const {exitCode, stdout} = await runDaeda(["test"], {directory});
      expect(stdout).toMatch(/8 cases: 8 passed, 0 failed/);
      expect(exitCode).toBe(0);
    } finally {
      rmSync(directory, {recursive: true});
    }
  });
});
