import {describe, expect, it} from "vitest";
import {loadProject} from "../../src/definitions/project.js";
import {Problems} from "../../src/errors.js";
import {compileService} from "../../src/pipeline/plan-file.js";
import {traceColumn} from "../../src/plan/lineage.js";

const project = loadProject({root: "test/golden/windows"});
const plan = compileService(project, project.services.get("ranking")!, new Problems());
const sourcesOf = (name: string): string[] => traceColumn(plan, name).sources.map(({view, column}) => `${view}.${column}`);

describe("the lineage of a column", () => {
  it("of the spine is the column itself", () => {
    expect(sourcesOf("user_id")).toEqual(["feed.user_id"]);
  });

  it("of a joined view has the keys and instants of both sides, and no filter of the day's rows", () => {
    expect(sourcesOf("author_id")).toEqual(["feed.at", "feed.item_id", "item.author_id", "item.item_id", "item.published_at"]);
  });

  it("goes through derived columns that are made from derived ones", () => {
    expect(sourcesOf("age_plus_one")).toEqual(["feed.at", "feed.item_id", "item.item_id", "item.published_at"]);
  });

  it("of a window has its value, keys, instants and what its condition and the history's filters ask for", () => {
    const windows = plan.operators.flatMap((op) => (op.opKind === "rolling_aggregate" ? op.windows : []));
    const conditioned = windows.find(({condition}) => condition?.includes("hist.event"))!;
    expect(sourcesOf(conditioned.name)).toEqual(expect.arrayContaining(["feed.at", "feed.event", `feed.${conditioned.valueColumn ?? "item_id"}`]));
  });

  it("names every operator that it goes through, in the plan's order", () => {
    const {operators} = traceColumn(plan, "author_id");
    expect(operators).toEqual(plan.operators.map(({name}) => name).filter((name) => operators.includes(name)));
    expect(operators).toEqual(expect.arrayContaining(["scan_day_rows", "scan_day_item_rows", "join_day_with_item"]));
    expect(operators).not.toContain("scan_history_feed_rows");
  });

  it("is empty for a column that its default fills", () => {
    expect(sourcesOf("source")).toEqual([]);
    expect(traceColumn(plan, "no_such_column")).toEqual({name: "no_such_column", sources: [], stores: [], operators: []});
  });
});
