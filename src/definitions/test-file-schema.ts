/** tests/**\/*.test.yaml: cases of input rows and what must come out of them. */
import {z} from "zod";
import {listOf, mapping, name, names, text} from "./schema-parts.js";

const cellText = "text, a number, true, false, null, or a list of them";
const isScalar = (value: unknown): boolean => value === null || ["string", "number", "boolean"].includes(typeof value);
// Not a zod number, which NaN and the infinities are not.
const cell = z.unknown().refine((value) => isScalar(value) || (Array.isArray(value) && value.every(isScalar)), {error: cellText});
const timesText = "a whole number above 0";

const rowText = "a list of values, one for each column, or {times, row}";
const row = z.union(
  [
    listOf(cell, rowText),
    mapping({
      times: z.int({error: timesText}).positive({error: timesText}).max(10_000, {error: "at most 10000"}).describe("How many rows are made of `row`."),
      row: listOf(cell, "a list of values").describe("The row; `$i` in a text stands for 1, 2, 3, ..."),
    }),
  ],
  {error: rowText},
);

const tableText = "a list of rows such as {user_id: 1}, or {columns, rows}";
const table = z.union(
  [
    listOf(z.record(name, cell, {error: "a row such as {user_id: 1}"}), tableText),
    mapping({
      columns: names.describe("Names of the columns, once for all rows."),
      rows: listOf(row, "a list of rows").describe("A list of values for each row."),
    }),
  ],
  {error: tableText},
);

const day = z.string({error: "a day, YYYY-MM-DD"}).regex(/^\d{4}-\d{2}-\d{2}$/, {error: "a day, YYYY-MM-DD"});
const inputs = z.record(name, table, {error: "a mapping of views to rows"});
const stores = z.record(name, listOf(z.union([z.string(), z.number()], {error: "an id"}), "a list of ids"), {error: "a mapping of embedding stores to ids"});

const shared = {
  service: name.optional().describe("The service whose dataset is tested. Default: the project's only one."),
  day: day.optional().describe("The day that is made. A case needs one, its own or the file's."),
  rows: inputs.optional().describe("Rows of each view, by its name. A case adds its rows to those of the file."),
  stores: stores.optional().describe("Ids that an embedding store knows, for `coverage_filter`. A case adds its ids to those of the file."),
};

export const testFileSchema = mapping({
  ...shared,
  cases: listOf(
    mapping({
      name: text.describe("What the case shows, as a sentence."),
      ...shared,
      expect: table.optional().describe("All rows of the day, in order; columns that are left out are not compared."),
      expect_some: table.optional().describe("Rows that must be among those of the day."),
      expect_error: text.optional().describe("The code of the error that making the day must end with."),
    }),
    "a list of cases",
  )
    .min(1, {error: "a list with at least one case"})
    .describe("The cases; each is computed on its own."),
}).describe("Test cases for the services of a project.");

export type RawTestFile = z.infer<typeof testFileSchema>;
export type RawTestCase = RawTestFile["cases"][number];
export type RawTable = NonNullable<RawTestCase["expect"]>;
