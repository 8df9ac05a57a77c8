/**
 * One conversation of the Model Context Protocol: tools and resources over the table of methods, whatever carries the messages.
 * Requests are answered by hand and not by registering tools: what is sent is checked by call-method.ts as for every other face.
 */
import {McpServer} from "@modelcontextprotocol/sdk/server/mcp.js";
import type {Transport} from "@modelcontextprotocol/sdk/shared/transport.js";
import {CallToolRequestSchema, ErrorCode, ListResourcesRequestSchema, ListResourceTemplatesRequestSchema, ListToolsRequestSchema, ReadResourceRequestSchema, type CallToolResult} from "@modelcontextprotocol/sdk/types.js";
import {AjvJsonSchemaValidator} from "@modelcontextprotocol/sdk/validation/ajv";
import {version} from "../../pipeline/version.js";
import type {Scope} from "../auth/scope.js";
import type {MethodName} from "../method-schemas.js";
import {describeError, isBug, type RpcError} from "../rpc/rpc-error.js";
import {listResources, readResource, resourceTemplates} from "./resources.js";
import {getToolMethod, listTools} from "./tools.js";

export interface McpOptions {
  /** What the caller may do: other tools are not shown. */
  readonly scope: Scope;
  readonly call: (method: MethodName, params: unknown, signal: AbortSignal) => Promise<unknown>;
  /** Told of errors that nobody expected. */
  readonly onBug: (error: unknown, what: string) => void;
}

export interface McpConversation {
  connect(transport: Transport): Promise<void>;
  /** Ends it and whatever still works for it. */
  close(): Promise<void>;
  /** Called at its end, whoever ended it. */
  onClose(listener: () => void): void;
}

const instructions = `Daedalus makes training sets for recommenders and rankers, in which every row carries only what was known before its instant.
A feature view is a table of rows with keys and an instant; a feature service is the contract of one dataset, made a day at a time from views.
Begin with service_list and catalog_list_views. pipeline_status says how the days of a service stand, pipeline_plan what is missing or stale and why.
runs_materialize_partition answers at once with a run_id: ask runs_get for its status and runs_logs for what it says. lint finds every problem of the definitions.`;

/** The specification's code for a document that is not there. */
const resourceMissing = -32002;

/** Made once: the SDK would make one a conversation, which costs more than all of the rest. */
let validator: AjvJsonSchemaValidator | undefined;

export function createMcpServer({scope, call, onBug}: McpOptions): McpConversation {
  const mcp = new McpServer({name: "daedalus", title: "Daedalus", version}, {capabilities: {tools: {}, resources: {}}, instructions, jsonSchemaValidator: (validator ??= new AjvJsonSchemaValidator())});
  const {server} = mcp;

  server.setRequestHandler(ListToolsRequestSchema, () => ({tools: listTools(scope)}));

  server.setRequestHandler(CallToolRequestSchema, async ({params}, {signal}) => {
    const method = await protocolErrors(() => getToolMethod(params.name));
    try {
      return answerTool(await call(method, params.arguments, signal));
    } catch (error) {
      if (isBug(error)) onBug(error, method);
      return {content: [{type: "text", text: JSON.stringify(describeError(error))}], isError: true};
    }
  });

  server.setRequestHandler(ListResourcesRequestSchema, ({params}, {signal}) => protocolErrors(() => listResources((method, asked) => call(method, asked, signal), params?.cursor)));

  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({resourceTemplates}));

  server.setRequestHandler(ReadResourceRequestSchema, ({params}, {signal}) => protocolErrors(() => readResource((method, asked) => call(method, asked, signal), params.uri)));

  /** Where the protocol has no answer that says what went wrong, it is said in an error of the protocol. */
  async function protocolErrors<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isBug(error)) onBug(error, "a request");
      throw new ProtocolError(describeError(error));
    }
  }

  return {
    connect: (transport) => mcp.connect(transport),
    close: () => mcp.close(),
    onClose: (listener) => void (server.onclose = listener),
  };
}

/** The answer twice, as the specification wants it: clients that know no structured content read the text. */
function answerTool(answer: unknown): CallToolResult {
  const text = JSON.stringify(answer);
  return {content: [{type: "text", text}], structuredContent: JSON.parse(text) as Record<string, unknown>};
}

class ProtocolError extends Error {
  readonly code: number;
  readonly data: RpcError["data"];

  constructor({message, code, data}: RpcError) {
    super(message);
    const isMissing = ["resource-unknown", "reference-unknown", "partition-missing"].includes(data.code);
    this.code = isMissing ? resourceMissing : data.code === "bug" ? code : ErrorCode.InvalidParams;
    this.data = data;
  }
}
