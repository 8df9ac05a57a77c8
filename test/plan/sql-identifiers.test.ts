import {expect, it} from "vitest";
import {parseSqlIdentifiers} from "../../src/plan/sql-identifiers.js";

const names = (sql: string): string[] => [...parseSqlIdentifiers(sql).names].sort();

it("finds names and, apart from them, what they are qualified with", () => {
  expect(names("hist.event = 'like'")).toEqual(["event"]);
  expect([...parseSqlIdentifiers("hist . x > cur.\"y\"").qualifiers].sort()).toEqual(["cur", "hist"]);
});

it("finds nothing in texts, comments and numbers", () => {
  expect(names("'it''s event' || 1e5 -- event\n/* event */")).toEqual([]);
});

it("finds quoted names as they are, and every name in lower case too", () => {
  expect(names('"my ""col""" + CustomerID')).toEqual(['CustomerID', "customerid", 'my "col"']);
});
