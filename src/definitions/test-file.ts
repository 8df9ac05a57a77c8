/** Test files as data: rows are still what YAML says, since only a service's plan knows the types of its columns. */
import type {Place, Problems} from "../errors.js";
import {checkSchema, describeValue} from "./check-schema.js";
import {Names} from "./context.js";
import type {SourceFile} from "./source-file.js";
import {testFileSchema, type RawTable, type RawTestCase, type RawTestFile} from "./test-file-schema.js";

/** One value of a test file, with what is needed to read it as any dtype and to blame it. */
export interface Cell {
  readonly value: unknown;
  /** How a plain scalar was written: a whole number may have more digits than a double. */
  readonly text: string | undefined;
  /** The texts of a list's items. */
  readonly itemTexts: readonly (string | undefined)[];
  readonly place: Place;
}

export interface TestRow {
  readonly cells: ReadonlyMap<string, Cell>;
  readonly place: Place;
}

export type Expectation =
  | {readonly kind: "rows"; readonly rows: readonly TestRow[]; readonly isComplete: boolean}
  | {readonly kind: "error"; readonly code: string; readonly place: Place};

export interface TestCase {
  readonly name: string;
  /** Undefined: the project's only service. */
  readonly service: {readonly name: string; readonly place: Place} | undefined;
  readonly day: string;
  /** View -> rows. */
  readonly rows: ReadonlyMap<string, {readonly rows: readonly TestRow[]; readonly place: Place}>;
  /** Embedding store -> ids. */
  readonly stores: ReadonlyMap<string, {readonly ids: readonly string[]; readonly place: Place}>;
  readonly expectation: Expectation;
  readonly place: Place;
}

/** The cases of a file; those with problems are left out. */
export function parseTestFile(file: SourceFile, problems: Problems): readonly TestCase[] {
  const {value: raw} = checkSchema(file, testFileSchema, "a test file", problems);
  if (!raw) return [];
  const names = new Names(problems);
  return (raw.cases as RawTestCase[] | undefined ?? []).flatMap((rawCase) => {
    names.add("case", rawCase.name, file.place(rawCase, "name"));
    return new CaseReader(file, raw, rawCase, problems).read() ?? [];
  });
}

class CaseReader {
  constructor(
    private readonly file: SourceFile,
    private readonly raw: RawTestFile,
    private readonly rawCase: RawTestCase,
    private readonly problems: Problems,
  ) {}

  read(): TestCase | undefined {
    const {file, raw, rawCase, problems} = this;
    const place = file.place(rawCase, "name");
    const day = rawCase.day ?? raw.day;
    if (day === undefined) problems.add("key-missing", {key: "day", what: `the case "${rawCase.name}"`}, place);
    const expectation = this.readExpectation(place);
    const owner = rawCase.service === undefined ? raw : rawCase;
    if (day === undefined || !expectation) return undefined;
    return {
      name: rawCase.name,
      service: owner.service === undefined ? undefined : {name: owner.service, place: file.place(owner, "service")},
      day,
      rows: this.readInputs(),
      stores: this.readStores(),
      expectation,
      place,
    };
  }

  private readExpectation(place: Place): Expectation | undefined {
    const {file, rawCase, problems} = this;
    const keys = (["expect", "expect_some", "expect_error"] as const).filter((key) => rawCase[key] !== undefined);
    const [key, second] = keys;
    if (key === undefined) {
      problems.add("key-missing", {key: "expect", what: `the case "${rawCase.name}"`}, place);
      return undefined;
    }
    if (second !== undefined) {
      problems.add("keys-conflict", {keys: [key, second], reason: "a case says in one way what must come out"}, file.keyPlace(rawCase, second));
      return undefined;
    }
    if (key === "expect_error") return {kind: "error", code: rawCase.expect_error!, place: file.place(rawCase, key)};
    return {kind: "rows", rows: this.readTable(rawCase[key]!), isComplete: key === "expect"};
  }

  private readInputs(): TestCase["rows"] {
    const rows = new Map<string, {rows: TestRow[]; place: Place}>();
    for (const {rows: tables} of [this.raw, this.rawCase]) {
      for (const [view, table] of Object.entries(tables ?? {})) {
        const known = rows.get(view) ?? {rows: [], place: this.file.keyPlace(tables!, view)};
        rows.set(view, known);
        known.rows.push(...this.readTable(table));
      }
    }
    return rows;
  }

  private readStores(): TestCase["stores"] {
    const {file} = this;
    const stores = new Map<string, {ids: string[]; place: Place}>();
    for (const {stores: tables} of [this.raw, this.rawCase]) {
      for (const [store, ids] of Object.entries(tables ?? {})) {
        const known = stores.get(store) ?? {ids: [], place: file.keyPlace(tables!, store)};
        stores.set(store, known);
        known.ids.push(...ids.map((id, index) => file.scalarText(ids, index) ?? String(id)));
      }
    }
    return stores;
  }

  private readTable(table: RawTable): TestRow[] {
    if (Array.isArray(table)) {
      return table.map((row, index) => ({
        cells: new Map(Object.keys(row).map((column) => [column, this.readCell(row, column)])),
        place: this.file.place(table, index),
      }));
    }
    const {columns, rows} = table;
    Names.checkList({file: this.file, problems: this.problems, isIntact: true, references: [], constants: {values: new Map(), isIntact: true}}, "column", columns);
    return rows.flatMap((row, index) => {
      const place = this.file.place(rows, index);
      if (Array.isArray(row)) return this.readRow(columns, row, place) ?? [];
      return Array.from({length: row.times}, (_, time) => this.readRow(columns, row.row, place, time + 1) ?? []).flat();
    });
  }

  /** @param time which repetition it is. */
  private readRow(columns: readonly string[], values: readonly unknown[], place: Place, time?: number): TestRow | undefined {
    if (values.length !== columns.length) {
      if (time !== undefined && time > 1) return undefined;
      const expected = `a list of ${columns.length} values, one for each column`;
      this.problems.add("value-wrong", {key: "rows", expected, found: `a list of ${values.length}`}, place);
      return undefined;
    }
    const cells = columns.map((column, index): [string, Cell] => {
      const cell = this.readCell(values, index);
      return [column, time === undefined ? cell : repeatCell(cell, time)];
    });
    return {cells: new Map(cells), place};
  }

  private readCell(owner: object, key: string | number): Cell {
    const value = (owner as Record<string | number, unknown>)[key];
    const itemTexts = Array.isArray(value) ? value.map((_, index) => this.file.scalarText(value, index)) : [];
    return {value, text: this.file.scalarText(owner, key), itemTexts, place: this.file.place(owner, key)};
  }
}

/** `$i` stands for the number of the repetition. */
function repeatCell(cell: Cell, time: number): Cell {
  const fill = (value: unknown): unknown => (typeof value === "string" ? value.replaceAll("$i", String(time)) : value);
  const value = Array.isArray(cell.value) ? cell.value.map(fill) : fill(cell.value);
  const text = typeof value === "string" ? value : cell.text;
  const itemTexts = Array.isArray(value) ? value.map((item, index) => (typeof item === "string" ? item : cell.itemTexts[index])) : [];
  return {...cell, value, text, itemTexts};
}

/** A cell as an error message shows it. */
export function describeCell({value, text}: Cell): string {
  if (Array.isArray(value)) return JSON.stringify(value);
  return typeof value === "number" ? (text ?? String(value)) : describeValue(value);
}
