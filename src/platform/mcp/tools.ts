/** The methods as tools: named with underscores, since clients take no dots, and described by the schemas that check the calls. */
import type {Tool} from "@modelcontextprotocol/sdk/types.js";
import {z} from "zod";
import {findNearest} from "../../definitions/nearest.js";
import {DaedalusError} from "../../errors.js";
import {isCovered, type Scope} from "../auth/scope.js";
import {methodNames, methodSchemas, type MethodName} from "../method-schemas.js";

const toolName = (method: MethodName): string => method.replaceAll(".", "_");

const methodsByTool: ReadonlyMap<string, MethodName> = new Map(methodNames.map((method) => [toolName(method), method]));

/** @throws DaedalusError `tool-unknown` with the nearest one */
export function getToolMethod(name: string): MethodName {
  const method = methodsByTool.get(name);
  if (method) return method;
  const shown = name.slice(0, 60);
  throw DaedalusError.of("tool-unknown", {tool: shown, nearest: findNearest(shown, methodsByTool.keys())});
}

let described: ReadonlyMap<MethodName, Tool> | undefined;

/** Those that a caller with the scope may use. */
export function listTools(granted: Scope): Tool[] {
  described ??= new Map(methodNames.map((method) => [method, describeTool(method)]));
  return [...described].filter(([method]) => isCovered(methodSchemas[method].scope, granted)).map(([, tool]) => tool);
}

function describeTool(method: MethodName): Tool {
  const {description, params, result, isReadOnly, isDestructive} = methodSchemas[method];
  return {
    name: toolName(method),
    description,
    inputSchema: renderSchema(params),
    outputSchema: renderSchema(result),
    // The world of every tool is the project.
    annotations: {readOnlyHint: isReadOnly, destructiveHint: isDestructive, openWorldHint: false},
  };
}

/** Draft 7, which every client can check: the words used here mean the same in newer ones. */
function renderSchema(schema: z.ZodType): Tool["inputSchema"] {
  const {$schema: _, ...rest} = z.toJSONSchema(schema, {target: "draft-7"});
  return rest as Tool["inputSchema"];
}
