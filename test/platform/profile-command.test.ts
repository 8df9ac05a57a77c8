import {mkdirSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {runDaeda, type RunResult} from "../support/run-daeda.js";
import {makeShop, trainShop, writeTables} from "../support/shop-project.js";

let root: string;
beforeAll(async () => {
  root = await makeShop();
  await trainShop(root, {targetDay: "2026-03-01"});
  await writeTables(root, {"some.parquet": "SELECT i % 3 AS small, 'it''s ' || (i // 6) AS text, CASE WHEN i < 2 THEN 'NaN'::DOUBLE ELSE i END AS real FROM range(10) AS t(i)"});
});
afterAll(() => rmSync(root, {recursive: true, force: true}));

const daeda = (args: string, env: Readonly<Record<string, string>> = {}): Promise<RunResult> => runDaeda(args.split(" "), {directory: root, env});

describe("profile", () => {
  it("prints a line a column", async () => {
    const {exitCode, stdout, stderr} = await daeda("profile some.parquet");
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ""});
    expect(stdout).toBe(
      `some.parquet: 10 rows in 1 file

column  type     nulls        distinct  min     median  max     mean  values
small   BIGINT   0            ~3        0       1       2       0.9   █▆▆
text    VARCHAR  0            ~2        it's 0          it's 1        it's 0 60 %, it's 1 40 %
real    DOUBLE   0, NaN 20 %  ~10       2.0     5.0     9.0     5.5   ██ █ ██ █ ██
`,
    );
  });

  it("prints one column at length, with bars that the terminal can show", async () => {
    const expected = (bar: string): string => `some.parquet: 10 rows in 1 file

small BIGINT
  nulls: 0 (0 %)
  distinct: about 3
  quartiles: 0 | 0 | 1 | 2 | 2
  mean: 0.9
    0  4  ${bar.repeat(40)}
    1  3  ${bar.repeat(30)}
    2  3  ${bar.repeat(30)}
  most frequent:
    0  4  ${bar.repeat(40)}
    1  3  ${bar.repeat(30)}
    2  3  ${bar.repeat(30)}
`;
    expect((await daeda("profile some.parquet --column small")).stdout).toBe(expected("█"));
    expect((await daeda("profile some.parquet --column small", {TERM: "dumb"})).stdout).toBe(expected("#"));
  });

  it("answers with JSON", async () => {
    const {exitCode, stdout} = await daeda("profile some.parquet --format json");
    expect(exitCode).toBe(0);
    const answer = JSON.parse(stdout) as {rows: number; columns: Record<string, unknown>[]};
    expect(answer.rows).toBe(10);
    expect(answer.columns[0]).toEqual({
      name: "small", type: "BIGINT", nulls: 0, nans: 0, distinct_estimate: 3,
      values: {min: 0, q25: 0, median: 1, q75: 2, max: 2, mean: 0.9, histogram: [{low: 0, high: 0, rows: 4}, {low: 1, high: 1, rows: 3}, {low: 2, high: 2, rows: 3}]},
      top_values: [{value: "0", rows: 4}, {value: "1", rows: 3}, {value: "2", rows: 3}],
    });
    expect(answer.columns[1]).toMatchObject({min: "it's 0", max: "it's 1"});
    expect(answer.columns[2]).toMatchObject({nans: 2, values: {min: 2, mean: 5.5}});
  });

  it("finds the published day of a service, its dataset or its skeleton", async () => {
    const {exitCode, stdout} = await daeda("profile basket --day 2026-03-01");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^basket 2026-03-01: 200 rows in 1 file\n/);
    expect(stdout).toMatch(/^bought +BIGINT\[\] +0 +len 0 +len /m);
    const skeleton = JSON.parse((await daeda("profile basket --day 2026-03-01 --stage skeleton --format json")).stdout) as {files: string[]};
    expect(skeleton.files).toEqual([join(root, "out/basket/skeleton/dt=2026-03-01/part-00000.parquet")]);
    expect((await daeda("profile out/basket/dataset/dt=2026-03-01")).stdout).toMatch(/^out\/basket\/dataset\/dt=2026-03-01: 200 rows in 1 file\n/);
  });

  it("says what it cannot find or read", async () => {
    mkdirSync(join(root, "empty"), {recursive: true});
    writeFileSync(join(root, "text.parquet"), "no parquet");
    for (const [args, code, words] of [
      ["profile nothing", "file-missing", "--day"],
      ["profile empty", "file-missing", "a parquet file to profile"],
      ["profile text.parquet", "file-unreadable", "text.parquet"],
      ["profile some.parquet --column smal", "profile-column-missing", 'did you mean "small"?'],
      ["profile basket --day 2026-03-02", "partition-missing", "published days nearby: 2026-03-01"],
      ["profile basket --day 2026-03-02 --output-root elsewhere", "partition-missing", "no day is published"],
      ["profile basket --day 2026-02-30", "day-wrong", "2026-02-30"],
      ["profile baskit --day 2026-03-01", "reference-unknown", 'did you mean "basket"?'],
    ] as const) {
      const {exitCode, stdout, stderr} = await daeda(args);
      expect({args, exitCode, stdout}).toEqual({args, exitCode: 1, stdout: ""});
      expect(stderr).toContain(`error ${code}:`);
      expect(stderr).toContain(words);
    }
    writeFileSync(join(root, "out/basket/dataset/dt=2026-03-01/_manifest.json"), "{");
    expect((await daeda("profile basket --day 2026-03-01")).stderr).toContain('the dataset of service "basket" has no day 2026-03-01: its manifest is broken\n  hint: no day is published');
    expect((await daeda("profile a b --day 2026-03-01")).exitCode).toBe(2);
    expect((await daeda("profile")).exitCode).toBe(2);
  });
});
