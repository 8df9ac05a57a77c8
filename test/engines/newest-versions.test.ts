/** The kernel of view joins against a naive one: random ties and borders, NULLs, every width, rows and versions in any order. */
import {describe, expect, it} from "vitest";
import type {RawColumn} from "../../src/engines/raw-vectors.js";
import {JoinMemory} from "../../src/engines/native/join-memory.js";
import {NewestVersions, type RowValues} from "../../src/engines/native/newest-versions.js";
import {buildSlots, type Slots} from "../../src/engines/native/slots.js";
import {ValueTie} from "../../src/engines/native/tie-check.js";
import {below, pick, seededRandom, type Random} from "../support/seeded-random.js";

interface Row {
  /** -1: NULL. */
  readonly key: number;
  readonly instant: number;
}

interface Version {
  readonly key: number;
  readonly known: number;
  readonly order: number;
  /** A value of each width, and NULLs. */
  readonly values: readonly (number | null)[];
}

const widths = [8, 4, 1];

/** Of the versions that were known before the row's instant, the last by order. */
function naive(row: Row, versions: readonly Version[]): readonly (number | null)[] {
  const known = versions.filter((version) => row.key >= 0 && version.key === row.key && version.known < row.instant);
  return known.reduce<Version | undefined>((best, each) => (best === undefined || each.order > best.order ? each : best), undefined)?.values ?? widths.map(() => null);
}

/** Half of them fit into 32 bits. */
const longOf = (value: number): bigint => (value < 50 ? BigInt(value) - 25n : BigInt(value) * 2n ** 33n);
const valueOf = (long: bigint): number => Number(long < 2n ** 33n ? long + 25n : long / 2n ** 33n);

function columnOf(width: number, values: readonly (number | null)[]): RawColumn {
  const validity = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, at) => (validity[at >> 3]! |= value === null ? 0 : 1 << (at & 7)));
  const numbers = values.map((value) => value ?? 99);
  const data = width === 8 ? BigInt64Array.from(numbers.map(longOf)) : width === 4 ? Int32Array.from(numbers) : Uint8Array.from(numbers);
  return {data: new Uint8Array(data.buffer), validity: values.includes(null) ? validity : undefined, child: undefined};
}

function valueAt(width: number, {bytes, width: keptWidth}: RowValues, row: number): number {
  if (width === 8) return valueOf(keptWidth === 8 ? new BigInt64Array(bytes.buffer)[row]! : BigInt(new Int32Array(bytes.buffer)[row]!));
  return width === 4 ? new Int32Array(bytes.buffer)[row]! : bytes[row]!;
}

const whole = (data: BigInt64Array | Int32Array): RawColumn => ({data: new Uint8Array(data.buffer), validity: undefined, child: undefined});
const ints = (numbers: readonly number[]): RawColumn => whole(Int32Array.from(numbers));
const longs = (numbers: readonly number[]): RawColumn => whole(BigInt64Array.from(numbers, BigInt));

/** Of columns of 8 bytes. */
const keptWidths = new Set<number>();

/** One for all cases, as a session has one for all views. */
const memory = new JoinMemory();

function slotsOf(rows: readonly Row[], keyCount: number): Promise<Slots> {
  const keyed = rows.flatMap((row, number) => (row.key < 0 ? [] : [{...row, number}]));
  return buildSlots(memory, {rowCount: rows.length, keyCount}, (look) => {
    for (const some of [keyed.slice(5), keyed.slice(0, 5)]) {
      look({rowCount: some.length, columns: [longs(some.map(({number}) => number)), ints(some.map(({key}) => key)), longs(some.map(({instant}) => instant))]});
    }
    return Promise.resolve();
  });
}

const join = (rows: readonly Row[], keyCount: number, versions: readonly Version[], chunkSize: number): Promise<(readonly (number | null)[])[]> =>
  memory.borrow(async () => {
    const newest = new NewestVersions(memory, await slotsOf(rows, keyCount), widths);
    for (let start = 0; start < versions.length; start += chunkSize) {
      const chunk = versions.slice(start, start + chunkSize);
      const known = chunk.map((version) => version.known);
      newest.offer({
        rowCount: chunk.length,
        keys: ints(chunk.map(({key}) => key)),
        known: longs(known),
        order: chunk.every(({order}, at) => order === known[at]) ? undefined : longs(chunk.map(({order}) => order)),
        columns: widths.map((width, at) => columnOf(width, chunk.map(({values}) => values[at]!))),
      });
    }
    newest.settle();
    const columns = widths.map((width, at) => {
      const column = newest.readColumn(at);
      if (width === 8) keptWidths.add(column.width);
      return rows.map((_, row) => (((column.present[row >> 3]! >> (row & 7)) & 1) === 1 ? valueAt(width, column, row) : null));
    });
    return rows.map((_, row) => columns.map((column) => column[row]!));
  });

interface Case {
  readonly rows: readonly Row[];
  readonly keyCount: number;
  readonly versions: readonly Version[];
}

/** Every key has a row; instants are few, so that borders are the rule. Orders differ, or are those of the instants. */
function randomCase(random: Random, isKnownInOrder: boolean): Case {
  const keyCount = 1 + below(random, 4);
  const span = pick(random, [2, 10, 1000]);
  const rows = [...Array(keyCount).keys(), ...Array.from({length: below(random, 30)}, () => below(random, keyCount + 1) - 1)].map((key) => ({key, instant: below(random, span)}));
  const orders = Array.from({length: below(random, 40)}, (_, at) => at).sort(() => random() - 0.5);
  const versions = orders.map((order) => {
    const known = below(random, span + 2) - 1;
    const values = widths.map(() => (random() < 0.1 ? null : below(random, 100)));
    return {key: below(random, keyCount), known, order: isKnownInOrder ? known : order, values};
  });
  return {rows, keyCount, versions};
}

describe("the newest versions", () => {
  it("are the naive ones in 3,000 random cases, whatever the chunks", async () => {
    for (let seed = 1; seed <= 3000; seed += 1) {
      const random = seededRandom(seed);
      const {rows, keyCount, versions} = randomCase(random, false);
      expect(await join(rows, keyCount, versions, 1 + below(random, 8)), `seed ${seed}`).toEqual(rows.map((row) => naive(row, versions)));
    }
    expect([...keptWidths].sort()).toEqual([4, 8]);
  });

  it("of instants that order them are the naive ones, or a tie is met where two that an answer could be differ", async () => {
    let ties = 0;
    for (let seed = 1; seed <= 3000; seed += 1) {
      const random = seededRandom(50_000 + seed);
      const {rows, keyCount, versions} = randomCase(random, true);
      let found: Awaited<ReturnType<typeof join>>;
      try {
        found = await join(rows, keyCount, versions, 1 + below(random, 8));
      } catch (error) {
        expect(error).toBeInstanceOf(ValueTie);
        expect(versions.some((one) => versions.some((other) => one.key === other.key && one.known === other.known && String(one.values) !== String(other.values))), `seed ${seed}`).toBe(true);
        ties += 1;
        continue;
      }
      for (const [index, row] of rows.entries()) {
        const answers = new Set([versions, [...versions].reverse()].map((some) => JSON.stringify(naive(row, some))));
        expect([...answers], `seed ${seed}`).toEqual([JSON.stringify(found[index])]);
      }
    }
    expect(ties).toBeGreaterThan(500);
    expect(ties).toBeLessThan(2500);
  });

  it("never are of the future: what becomes known at or after an instant changes no row of it", async () => {
    for (let seed = 1; seed <= 1000; seed += 1) {
      const random = seededRandom(90_000 + seed);
      const {rows, keyCount, versions} = randomCase(random, false);
      const row = pick(random, rows);
      const past = versions.filter(({known}) => known < row.instant);
      const [all, without] = [await join(rows, keyCount, versions, 5), await join(rows, keyCount, past, 5)];
      expect(all[rows.indexOf(row)], `seed ${seed}`).toEqual(without[rows.indexOf(row)]);
    }
  });

  it("are those of copies of one version, which are no tie", async () => {
    const version = {key: 0, known: 1, order: 1, values: [7, null, 3]};
    expect(await join([{key: 0, instant: 2}], 1, [version, version, version], 2)).toEqual([[7, null, 3]]);
    await expect(join([{key: 0, instant: 2}], 1, [version, {...version, values: [7, 0, 3]}], 2)).rejects.toThrow(ValueTie);
    await expect(join([{key: 0, instant: 2}], 1, [version, {...version, values: [7, 0, 3]}], 1)).rejects.toThrow(ValueTie);
  });

  it("do not care for a tie that a later version makes meaningless", async () => {
    const version = {key: 0, known: 1, order: 1, values: [1, 1, 1]};
    expect(await join([{key: 0, instant: 5}], 1, [version, {...version, order: 9, values: [2, 2, 2]}, {...version, values: [3, 3, 3]}], 8)).toEqual([[2, 2, 2]]);
  });
});

describe("slots", () => {
  it("are found by a search whose result is the first later instant of the key", async () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const random = seededRandom(seed);
      const {rows, keyCount: count} = randomCase(random, true);
      await memory.borrow(async () => {
        const {head, keyCount, slotCount, ...slots} = await slotsOf(rows, count);
        const [keys, after] = [Array.from({length: 50}, () => below(random, keyCount)), Array.from({length: 50}, () => below(random, 1002) - 1)];
        const isInclusive = random() < 0.5;
        const asked = [memory.pushInts(keys), memory.reserve(400), memory.reserve(200)] as const;
        memory.bits(asked[1], 50).set(after.map(BigInt));
        memory.kernel.findSlots(head, memory.pushInts([0, 0, 0, asked[0], asked[1], 0, asked[2]]), 50, isInclusive);
        const [instants, start] = [Array.from(memory.bits(slots.instant, slotCount), Number), memory.int32(slots.start, keyCount + 1)];
        for (const [at, slot] of memory.int32(asked[2], 50).entries()) {
          const isLater = (instant: number): boolean => (isInclusive ? instant >= after[at]! : instant > after[at]!);
          const later = rows.filter(({key, instant}) => key === keys[at] && isLater(instant)).map(({instant}) => instant);
          expect(slot < 0 ? Infinity : instants[slot], `seed ${seed}`).toBe(Math.min(...later));
          const before = slot === start[keys[at]!]! ? keys[at]! : slot - 1;
          if (slot >= keyCount) expect(isLater(instants[before]!)).toBe(false);
        }
      });
    }
  });
});
