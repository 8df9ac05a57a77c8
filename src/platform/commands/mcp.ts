import {Option, type Command} from "commander";
import {scopes, type Scope} from "../auth/scope.js";
import {addExample, addProjectFlags, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface McpFlags extends ProjectFlags {
  readonly scope: Scope;
}

export function addMcpCommand(program: Command, terminal: Terminal): void {
  const mcp = program
    .command("mcp")
    .description("serve the project to an agent over stdin and stdout, by the Model Context Protocol")
    .addOption(new Option("--scope <scope>", "what the agent may do: run holds read, admin holds both").choices(scopes).default("admin"))
    .action(async ({scope, ...options}: McpFlags) => {
      const [{serveStdio}, {openContext}] = await Promise.all([import("../mcp/stdio.js"), import("../context.js")]);
      const context = openContext(options, terminal);
      await serveStdio(
        {name: context.caller, scope, via: "local"},
        {
          context,
          onBug: (error, what) => terminal.note(`a bug in ${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
          onBrokenLine: () => terminal.note("passed over a line that is no message of the protocol"),
        },
      );
    });
  addProjectFlags(mcp);
  addExample(mcp, "daeda mcp", "claude mcp add daedalus -- daeda mcp --scope read");
}
