/** JSON Schemas of the definition files, for editors: made from the very schemas that check them. */
import {z} from "zod";
import {aggregationsSchema} from "./aggregations-schema.js";
import {baseSchema} from "./base-schema.js";
import {runtimeSchema} from "./runtime-schema.js";
import {serviceSchema} from "./service-schema.js";
import {testFileSchema} from "./test-file-schema.js";
import {viewSchema} from "./view-schema.js";

/** One schema for each kind of file. */
const schemas = {
  view: viewSchema,
  service: serviceSchema,
  base: baseSchema,
  runtime: runtimeSchema,
  aggregations: aggregationsSchema,
  test: testFileSchema,
} as const;

export type SchemaName = keyof typeof schemas;

/** The file that a schema is published as: `view.schema.json`. */
export function schemaFile(name: SchemaName): string {
  return `${name}.schema.json`;
}

/** File name -> text, ready to be written beside a project. */
export function renderJsonSchemas(): Map<string, string> {
  const names = Object.keys(schemas) as SchemaName[];
  return new Map(
    names.map((name) => {
      // Editors know draft 7 best: YAML language servers fall behind on later drafts.
      const schema = z.toJSONSchema(schemas[name], {io: "input", target: "draft-7"});
      return [schemaFile(name), `${JSON.stringify({title: `Daedalus: ${name}`, ...schema}, undefined, 2)}\n`];
    }),
  );
}
