import {expect, it} from "vitest";
import {parseSqlIdentifiers} from "../../src/plan/sql-identifiers.js";

const names = (sql: string): string[] => [...parseSqlIdentifiers(sql).names].sort();

it("finds names and, apart from them, what they are qualified with", () => {
  expect(names("hist.event = 'like'")).toEqual(["event"]);
  expect([...parseSqlIdentifiers("hist . x > cur.\"y\"").qualifiers].sort()).toEqual(["cur", "hist"]);
});

it("finds what each qualifier stands before", () => {
  const {members} = parseSqlIdentifiers("HIST.x > cur . \"y\" AND hist.point.z = 1 AND 'cur.' || w <> hist /* a */ . v");
  expect(members.get("hist")).toEqual(new Set(["x", "point"]));
  expect(members.get("cur")).toEqual(new Set(["y"]));
});

it("finds nothing in texts, comments and numbers", () => {
  expect(names("'it''s event' || 1e5 -- event\n/* event */")).toEqual([]);
});

it("finds quoted names as they are, and every name in lower case too", () => {
  expect(names('"my ""col""" + CustomerID')).toEqual(['CustomerID', "customerid", 'my "col"']);
});
