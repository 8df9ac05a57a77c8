/** docs/reference/configuration.md against the schemas: no key is missing, none is invented, and the snippets are sound. */
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {dirname, join} from "node:path";
import {describe, expect, it} from "vitest";
import {renderJsonSchemas, schemaFile, type SchemaName} from "../../src/definitions/json-schema.js";
import {readProject} from "../../src/definitions/project.js";
import {renderProblem} from "../../src/errors.js";
import {keysOf, type SchemaNode} from "./schema-keys.js";

const page = readFileSync("docs/reference/configuration.md", "utf8");

/** Test files are the business of docs/guides/testing-features.md. */
type PageSchema = Exclude<SchemaName, "test">;

const headings: Readonly<Record<PageSchema, string>> = {
  base: "config/base.yaml",
  runtime: "config/training/runtime.yaml",
  aggregations: "config/training/aggregations.yaml",
  view: "feature_views/*.yaml",
  service: "feature_services/*.yaml",
};

interface Row {
  readonly key: string;
  readonly isRequired: boolean;
  readonly cells: readonly string[];
}

/** The rows of the tables below a heading that begin with a key in backticks. */
function rowsBelow(heading: string): Row[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^\| (\*?)`([^`]+)`\*? \|(.*)\|$/gm)].map(([, star = "", key = "", rest = ""]) => ({
    key,
    isRequired: star === "*",
    cells: rest.split(/(?<!\\)\|/).map((cell) => cell.trim()),
  }));
}

const read = (name: PageSchema): SchemaNode => JSON.parse(renderJsonSchemas().get(schemaFile(name)) ?? "") as SchemaNode;

describe.each(Object.entries(headings) as [PageSchema, string][])("the tables of %s", (name, heading) => {
  const rows = rowsBelow(heading);
  const keys = [...keysOf(read(name))];

  it("have a row for each key and none besides", () => {
    expect(rows.map(({key}) => key).sort()).toEqual([...new Set(keys.map(({path}) => path))].sort());
  });

  it("tell the defaults and what is required", () => {
    const wrong = keys.flatMap(({path, node, isRequired, isChoice}) => {
      const row = rows.find(({key}) => key === path);
      const [, shown = ""] = row?.cells ?? [];
      const isDefaultRight = node.default === undefined || shown === `\`${String(node.default)}\``;
      // Where a bare name will do as well, the table says in words that the mapping needs it.
      return isDefaultRight && (isChoice || row?.isRequired === isRequired) ? [] : [path];
    });
    expect(wrong).toEqual([]);
  });
});

describe("the snippets", () => {
  it("make a project without problems", () => {
    const root = mkdtempSync(join(tmpdir(), "daedalus-page-"));
    try {
      const snippets = [...page.matchAll(/^```yaml\n# (\S+)\n([^]*?)^```$/gm)];
      for (const [, file = "", text = ""] of snippets) {
        mkdirSync(dirname(join(root, file)), {recursive: true});
        writeFileSync(join(root, file), text);
      }
      const {project, problems} = readProject({root});
      expect(problems.all.map(renderProblem)).toEqual([]);
      expect(snippets).toHaveLength(7);
      expect([...(project?.views.keys() ?? [])]).toEqual(["artwork_properties", "feed_events", "user_profile"]);
    } finally {
      rmSync(root, {recursive: true});
    }
  });
});
