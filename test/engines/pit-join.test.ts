/** The point-in-time join against a naive one in plain TypeScript, on random views under every combination of time rules. */
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {DuckDbSession} from "../../src/engines/duckdb/connection.js";
import {emitOperator, type EmitContext} from "../../src/engines/duckdb/emit.js";
import {openNativeJoins} from "../../src/engines/native/native-joins.js";
import {renderWithWindows} from "../../src/engines/window-columns.js";
import type {Operator, OperatorOf} from "../../src/plan/operator.js";
import {below, pick, seededRandom, type Random} from "../support/seeded-random.js";

type PitJoin = OperatorOf<"pit_join">;

interface LeftRow {
  readonly key: number | null;
  readonly at: number | null;
}

interface RightRow {
  readonly key: number | null;
  readonly ts: number | null;
  readonly known: number | null;
  readonly version: number | null;
  /** When the row stops being true; NULL: not yet. */
  readonly end: number | null;
  readonly value: number;
}

const dayEnd = 1000;

function randomOperator(random: Random): PitJoin {
  const tie = random() < 0.5;
  return {
    opKind: "pit_join",
    name: "join_out",
    inputs: ["left_rows", "right_rows"],
    output: "out",
    engine: "sql",
    right: "prices",
    keys: ["key"],
    fields: ["value"],
    leftTime: "at",
    rightTime: "ts",
    boundary: pick(random, ["strict", "inclusive"]),
    ...(random() < 0.5 ? {availableAt: "known"} : {}),
    ...(random() < 0.3 ? {validTo: "end"} : {}),
    embargoUs: pick(random, [0, 0, 1, 20]),
    ...(random() < 0.5 ? {ttlUs: pick(random, [0, 1, 30, 500])} : {}),
    tieBreak: tie ? [{column: "version", isDescending: random() < 0.5}] : [],
    onDuplicate: "pick",
  };
}

/** The definition, word by word: of the rows that were known, the one with the newest timestamp; then ties; then the values. */
function naiveJoin(left: LeftRow, rights: readonly RightRow[], op: PitJoin): number | null {
  if (left.key === null || left.at === null) return null;
  const {at} = left;
  const candidates = rights.filter((right) => {
    const knownAt = op.availableAt === undefined ? right.ts : right.known;
    if (right.key !== left.key || right.ts === null || knownAt === null) return false;
    const known = knownAt + op.embargoUs;
    return op.boundary === "strict" ? known < at : known <= at;
  });
  const [newest] = candidates.sort((a, b) => {
    if (a.ts !== b.ts) return b.ts! - a.ts!;
    for (const tie of op.tieBreak) {
      if (a.version === b.version) continue;
      if (a.version === null) return 1;
      if (b.version === null) return -1;
      return tie.isDescending ? b.version - a.version : a.version - b.version;
    }
    return b.value - a.value;
  });
  if (!newest) return null;
  if (op.validTo !== undefined && newest.end !== null && (op.boundary === "strict" ? at > newest.end : at >= newest.end)) return null;
  return op.ttlUs !== undefined && newest.ts! < at - op.ttlUs ? null : newest.value;
}

const orNull = (random: Random, value: number): number | null => (random() < 0.06 ? null : value);

/** Ends each range of a key before the next begins; versions of one range end together. */
function endRanges(random: Random, rights: readonly Omit<RightRow, "end">[]): RightRow[] {
  return rights.map((right) => {
    const later = rights.filter((other) => other.key === right.key && other.ts !== null && right.ts !== null && other.ts > right.ts).map((other) => other.ts!);
    const next = later.length === 0 ? undefined : Math.min(...later);
    if (next === undefined) return {...right, end: orNull(random, (right.ts ?? 0) + below(random, 9))};
    return {...right, end: right.ts! + below(random, next - right.ts! + 1)};
  });
}

function randomRows(random: Random): {lefts: LeftRow[]; rights: RightRow[]} {
  // Few instants and keys, so that ties and borders are the rule.
  const span = pick(random, [3, 12, 60]);
  const lefts = Array.from({length: below(random, 12)}, () => ({key: orNull(random, below(random, 3)), at: orNull(random, 500 + below(random, span))}));
  const rights = Array.from({length: below(random, 20)}, () => {
    const ts = 500 + below(random, span);
    return {key: orNull(random, below(random, 3)), ts: orNull(random, ts), known: orNull(random, ts + below(random, 9) - 2), version: orNull(random, below(random, 3)), value: below(random, 1000)};
  });
  return {lefts, rights: endRanges(random, rights)};
}

const numbering: Operator = {opKind: "project", name: "number_rows", inputs: ["left_source"], output: "left_rows", engine: "sql", shape: {kind: "rows", orderBy: ["at"]}};

describe.each(["SQL", "the native engine"])("the point-in-time join by %s", (joiner) => {
  let session: DuckDbSession;
  beforeAll(async () => {
    session = await DuckDbSession.open();
  });
  afterAll(() => session.close());

  async function run(op: PitJoin, lefts: readonly LeftRow[], rights: readonly RightRow[]): Promise<(number | null)[]> {
    const instant = (us: number | null): string => (us === null ? "NULL" : `make_timestamp(${us})`);
    const values = (rows: readonly string[], width: number): string => (rows.length > 0 ? `(VALUES ${rows.join(", ")})` : `(SELECT ${Array<string>(width).fill("NULL").join(", ")} WHERE false)`);
    if (joiner !== "SQL") await session.run("DROP VIEW IF EXISTS out");
    for (const name of [...(joiner === "SQL" ? ["out"] : []), "left_rows", "out__keys", "out__native_keys", "right_rows"]) await session.run(`DROP TABLE IF EXISTS ${name}`);
    const leftValues = values(lefts.map((row, index) => `(${index}, ${row.key}, ${instant(row.at)})`), 3);
    const rightValues = values(rights.map((row) => `(${row.key}, ${instant(row.ts)}, ${instant(row.known)}, ${row.version}, ${row.value}, ${instant(row.end)})`), 6);
    await session.run(`CREATE TEMP TABLE left_rows AS SELECT i::BIGINT AS __row, k::BIGINT AS key, t::TIMESTAMP AS at FROM ${leftValues} AS v(i, k, t)`);
    await session.run(`CREATE TEMP TABLE right_rows AS SELECT k::BIGINT AS key, t::TIMESTAMP AS ts, n::TIMESTAMP AS known, r::BIGINT AS version, x::BIGINT AS value, e::TIMESTAMP AS "end" FROM ${rightValues} AS v(k, t, n, r, x, e)`);
    const context: EmitContext = {
      plan: {service: "s", version: 1, timeColumn: "at", operators: [numbering, op]},
      startUs: 0,
      endUs: dayEnd,
      scans: new Map(),
      coveredTable: (store) => store,
      tables: new Map([["left_rows", "left_rows"]]),
      hasViewJoins: joiner !== "SQL",
    };
    for (const step of emitOperator(op, context)) {
      if (step.kind === "run") await session.run(step.shortcut && (await session.rows(step.shortcut.unless)).length === 0 ? step.shortcut.sql : step.sql);
      if (step.kind === "view-join") {
        const columns = await openNativeJoins(session).join(step.task);
        await session.run(`CREATE TEMP VIEW out AS ${renderWithWindows("left_rows", columns!)}`);
      }
      if (step.kind !== "expect-none") continue;
      const found = await session.rows(step.sql);
      if (found.length > 0) throw step.fail(found);
    }
    const rows = await session.rows("SELECT value FROM out ORDER BY __row");
    return rows.map((row) => (row["value"] === null ? null : Number(row["value"])));
  }

  it("equals the naive join on 400 random views", async () => {
    for (let seed = 1; seed <= 400; seed += 1) {
      const random = seededRandom(seed);
      const op = randomOperator(random);
      const {lefts, rights} = randomRows(random);
      expect(await run(op, lefts, rights), `seed ${seed}: ${JSON.stringify({op, lefts, rights})}`).toEqual(lefts.map((left) => naiveJoin(left, rights, op)));
    }
  });

  it("never changes a row when what becomes known at or after its instant is added, changed or removed", async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = seededRandom(10_000 + seed);
      // The end of a range is known before it comes, and is no later event: ranges are left out here.
      const op: PitJoin = {...randomOperator(random), boundary: "strict", validTo: undefined};
      const {lefts, rights} = randomRows(random);
      const left = pick(random, [...lefts, {key: 1, at: 505}]);
      const isPast = (right: RightRow): boolean => {
        const known = op.availableAt === undefined ? right.ts : right.known;
        return known !== null && left.at !== null && known + op.embargoUs < left.at;
      };
      const future = randomRows(random).rights.filter((right) => !isPast(right));
      const changed = [...rights.filter(isPast), ...future];
      expect(await run(op, [left], changed), `seed ${seed}`).toEqual(await run(op, [left], rights));
    }
  });

  it.each([
    ["an end after the next start", 30],
    ["a range that has not ended when the next begins", null],
  ])("refuses %s, naming the key", async (_what, end) => {
    const op: PitJoin = {...randomOperator(seededRandom(1)), validTo: "end"};
    const right = {key: 7, known: 1, version: 1, value: 1};
    const rights = [{...right, ts: 10, end}, {...right, ts: 20, end: null}, {...right, key: 8, ts: 10, end: 20}, {...right, key: 8, ts: 20, end: null}];
    await expect(run(op, [{key: 7, at: 25}], rights)).rejects.toMatchObject({code: "ranges-overlap", facts: {view: "prices", keys: ["key=7"]}});
  });
});
