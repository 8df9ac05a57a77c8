import {describe, it} from "vitest";
import {expectProblems, readSound} from "./marked-project.js";

const runtime = "config/training/runtime.yaml";
const service = "feature_services/ranking.yaml";
const withColumns = (columns: string, name = "ranking"): string => `name: ${name}\nspine: {view: events}\ncolumns: [${columns}]\n`;

describe("columns and output_columns", () => {
  it("agree in names, order and defaults", () => {
    readSound({
      [runtime]: "output_columns: [{name: user_id, default: 0}, ts, {name: age, default: 0.0}, {name: event, default: none}]\n",
      [service]: withColumns("{name: user_id}, {name: ts, default: 3}, {name: age, default: 0}, {name: event, default_sql: \"'none'\"}"),
    });
  });

  it("may be those of several services, each with some of them", () => {
    readSound({
      [runtime]: "output_columns: [user_id, ts, age]\n",
      [service]: withColumns("{name: user_id}, {name: age}"),
      "feature_services/other.yaml": withColumns("{name: user_id}, {name: ts}", "other"),
    });
  });

  it("need not agree where a service declares none", () => {
    readSound({[runtime]: "output_columns: [user_id, anything]\n"});
    readSound({
      [runtime]: "output_columns: [user_id, anything]\n",
      [service]: withColumns("{name: user_id}"),
      "feature_services/other.yaml": "name: other\nspine: {view: events}\n",
    });
  });
});

describe("a disagreement", () => {
  it("is a column that output_columns lack", () => {
    expectProblems({[runtime]: "output_columns: [user_id]\n", [service]: withColumns("{name: user_id}, {name: «usr_id»}")}, [
      {code: "columns-disagree", facts: {service: "ranking", column: "usr_id", hint: 'did you mean "user_id"?'}},
    ]);
  });

  it("is another default", () => {
    const text = withColumns("{name: «user_id», default: 1}, {name: «ts», default: \"0\"}");
    expectProblems({[runtime]: "output_columns: [{name: user_id, default: 0}, {name: ts, default: 0}]\n", [service]: text}, [
      {code: "columns-disagree", facts: {column: "user_id", reason: "has the default 1 here and 0 in output_columns"}},
      {code: "columns-disagree", facts: {column: "ts", reason: "has the default '0' here and 0 in output_columns"}},
    ]);
  });

  it("is another order", () => {
    expectProblems({[runtime]: "output_columns: [user_id, ts]\n", [service]: withColumns("{name: ts}, {name: «user_id»}")}, [
      {code: "columns-disagree", facts: {column: "user_id", reason: 'stands after "ts" here and before it in output_columns'}},
    ]);
  });

  it("is an output column of no service", () => {
    expectProblems({[runtime]: "output_columns: [user_id, «usr_id», {name: «zzz», default: 1}]\n", [service]: withColumns("{name: user_id}")}, [
      {code: "output-column-unused", facts: {column: "usr_id", nearest: "user_id"}},
      {code: "output-column-unused", facts: {column: "zzz", nearest: undefined}},
    ]);
  });
});
