/** `docs/reference/api.md`, made from the schemas of the methods. */
import {z} from "zod";
import {methodNames, methodSchemas, type MethodName} from "../../src/platform/method-schemas.js";

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly additionalProperties?: JsonSchema | boolean;
}

export function renderApiPage(): string {
  return [
    "# API",
    "",
    "Every method that a server has, with what it takes and gives: [how to call them](../guides/server.md#calls). This page is made from the schemas that",
    "check the calls. `?` marks what may be absent, `[]` a list.",
    ...methodNames.flatMap(renderMethod),
    "",
  ].join("\n");
}

function renderMethod(name: MethodName): string[] {
  const {description, scope, isReadOnly, isDestructive, params, result} = methodSchemas[name];
  const effect = isReadOnly ? "changes nothing" : isDestructive ? "ends or replaces what is there" : "adds to what is there";
  const {properties = {}, required = []} = z.toJSONSchema(params) as JsonSchema;
  const rows = Object.entries(properties).map(([key, schema]) => `| \`${key}${required.includes(key) ? "" : "?"}\` | ${renderType(schema)} | ${schema.description ?? ""} |`);
  return [
    ...["", `## ${name}`, "", `${description} Scope \`${scope}\`; ${effect}.`, ""],
    ...(rows.length === 0 ? ["It takes no parameters."] : ["| parameter | | |", "|---|---|---|", ...rows]),
    ...["", "```text", ...renderObject(z.toJSONSchema(result) as JsonSchema, ""), "```"],
  ];
}

/** A parameter's type in words. */
function renderType(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.type === "array") return `list of ${renderType(schema.items ?? {})}`;
  if (schema.type === "object" && schema.properties) return Object.entries(schema.properties).map(([key, inner]) => `\`${key}\`: ${renderType(inner)}`).join(", ");
  if (schema.type === "object") return "mapping";
  if (schema.type === "integer") return schema.maximum === Number.MAX_SAFE_INTEGER ? `whole number from ${schema.minimum ?? 0}` : `whole number from ${schema.minimum ?? 0} to ${schema.maximum ?? ""}`;
  return schema.pattern?.includes("\\d{4}") === true ? "day" : schema.type === "string" ? "text" : String(schema.type ?? "any");
}

/** A result as its keys, a line each; what is within one stands indented. */
function renderObject({properties = {}, required = []}: JsonSchema, indent: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const {word, inner} = readShape(schema);
    const head = `${indent}${key}${required.includes(key) ? "" : "?"}: ${word}${schema.description === undefined ? "" : `   ${schema.description.replaceAll("`", "")}`}`;
    return [head, ...(inner ? renderObject(inner, `${indent}  `) : [])];
  });
}

function readShape(schema: JsonSchema): {readonly word: string; readonly inner?: JsonSchema | undefined} {
  if (schema.anyOf) {
    const shapes = schema.anyOf.map(readShape);
    return {word: shapes.map(({word}) => word).join(" | "), inner: shapes.find(({inner}) => inner)?.inner};
  }
  if (schema.enum) return {word: schema.enum.join(" | ")};
  if (schema.const !== undefined) return {word: JSON.stringify(schema.const)};
  if (schema.type === "array") {
    const {word, inner} = readShape(schema.items ?? {});
    return {word: inner ? "[]" : `${word.includes(" ") ? `(${word})` : word}[]`, inner};
  }
  if (schema.type !== "object") return {word: [schema.type ?? "any"].flat().join(" | ")};
  if (schema.properties) return {word: "", inner: schema};
  const {word, inner} = typeof schema.additionalProperties === "object" ? readShape(schema.additionalProperties) : {word: "any", inner: undefined};
  return {word: `{name: ${inner ? "" : word}}`.replace(": }", ":}"), inner};
}
