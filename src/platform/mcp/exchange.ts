/** One message and its answer, as an HTTP request and response. */
import {WebStandardStreamableHTTPServerTransport} from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {createMcpServer, type McpOptions} from "./mcp-server.js";

export interface Exchange extends McpOptions {
  /** Its headers; the message is its body. */
  readonly request: Request;
  /** Ends it, when it is cancelled or its caller has gone: there is no answer then. */
  readonly signal: AbortSignal;
}

export async function answerMessage(message: unknown, {request, signal, ...options}: Exchange): Promise<Response> {
  const conversation = createMcpServer(options);
  const transport = new WebStandardStreamableHTTPServerTransport({sessionIdGenerator: undefined, enableJsonResponse: true});
  const cancelled = new Promise<Response>((resolve) => {
    const end = (): void => resolve(new Response(null, {status: 202}));
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, {once: true});
  });
  try {
    await conversation.connect(transport);
    return await Promise.race([transport.handleRequest(request, {parsedBody: message}), cancelled]);
  } finally {
    await conversation.close();
  }
}
