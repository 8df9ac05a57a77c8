/** The OpenRPC document of a server: what `rpc.discover` answers, made from the schemas that check the calls. */
import {z} from "zod";
import {version} from "../../pipeline/version.js";
import {methodNames, methodSchemas} from "../method-schemas.js";

type JsonSchema = Readonly<Record<string, unknown>>;

const render = (schema: z.ZodType): JsonSchema => {
  const {$schema: _, ...rest} = z.toJSONSchema(schema) as JsonSchema;
  return rest;
};

export function describeMethods(): JsonSchema {
  return {
    openrpc: "1.3.2",
    info: {title: "Daedalus", version, description: "Point-in-time correct training sets, declared in YAML."},
    methods: methodNames.map((name) => {
      const {description, params, result, scope, isReadOnly, isDestructive} = methodSchemas[name];
      const {properties = {}, required = []} = render(params) as {properties?: Record<string, JsonSchema>; required?: readonly string[]};
      return {
        name,
        summary: description,
        paramStructure: "by-name",
        params: Object.entries(properties)
          .map(([key, {description: text, ...schema}]) => ({name: key, description: text, required: required.includes(key), schema}))
          // The specification wants required ones first.
          .sort((a, b) => Number(b.required) - Number(a.required)),
        result: {name: "result", schema: render(result)},
        "x-scope": scope,
        "x-read-only": isReadOnly,
        "x-destructive": isDestructive,
      };
    }),
  };
}
