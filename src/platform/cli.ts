/** The command tree. Texts and flags only: an action loads what it needs when it runs, so that help stays fast. */
import {Command, CommanderError} from "commander";
import {version} from "../pipeline/version.js";
import {addAuditCommand} from "./commands/audit.js";
import {addBenchCommand} from "./commands/bench.js";
import {addCatalogCommands} from "./commands/catalog.js";
import {addConfigCommands} from "./commands/config.js";
import {addDoctorCommand} from "./commands/doctor.js";
import {addEmbeddingsCommands} from "./commands/embeddings.js";
import {addExplainCommands} from "./commands/explain.js";
import {addExtensionsCommands} from "./commands/extensions.js";
import {addGenerateCommands} from "./commands/generate.js";
import {addMcpCommand} from "./commands/mcp.js";
import {addPartitionsCommands} from "./commands/partitions.js";
import {addPipelineCommands} from "./commands/pipeline.js";
import {addProfileCommand} from "./commands/profile.js";
import {addProjectCommands} from "./commands/project.js";
import {addRunsCommands} from "./commands/runs.js";
import {addServeCommand} from "./commands/serve.js";
import {addTestCommand} from "./commands/test.js";
import {addTokenCommands} from "./commands/token.js";
import {addExample} from "./flags.js";
import {drainTerminal, exitCodes, openTerminal, type Terminal} from "./terminal.js";

export function createProgram(terminal: Terminal): Command {
  const program = new Command("daeda")
    .description("Point-in-time correct training sets, declared in YAML.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand(false)
    // Inherited by every command made from here on.
    .exitOverride()
    .showHelpAfterError("(--help shows what the command takes)")
    .configureOutput({
      writeOut: (text) => terminal.answer(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    });
  addExample(program, "daeda demo", "daeda init my-project", "daeda pipeline train --help");
  addProjectCommands(program, terminal);
  addConfigCommands(program, terminal);
  addCatalogCommands(program, terminal);
  addPipelineCommands(program, terminal);
  addPartitionsCommands(program, terminal);
  addBenchCommand(program, terminal);
  addGenerateCommands(program, terminal);
  addRunsCommands(program, terminal);
  addEmbeddingsCommands(program, terminal);
  addDoctorCommand(program, terminal);
  addExtensionsCommands(program, terminal);
  addTestCommand(program, terminal);
  addProfileCommand(program, terminal);
  addAuditCommand(program, terminal);
  addExplainCommands(program, terminal);
  addServeCommand(program, terminal);
  addMcpCommand(program, terminal);
  addTokenCommands(program, terminal);
  return program;
}

/** Runs one command line to its end and ends the process with its exit code. */
export async function runCli(args: readonly string[]): Promise<never> {
  const terminal = openTerminal();
  const isDagster = terminal.env["DAGSTER_PIPES_CONTEXT"] !== undefined;
  const exitCode = isDagster
    ? await (await import("./dagster-pipes.js")).runForDagster(terminal, (told) => runCommand(args, told))
    : await runCommand(args, terminal);
  await drainTerminal();
  process.exit(exitCode);
}

/** Runs one command line and gives its exit code; whatever it says goes to the terminal. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync(args, {from: "user"});
    return terminal.exitCode;
  } catch (error) {
    // Commander has printed the help or the complaint already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const {reportFailure} = await import("./failure.js");
    return reportFailure(error, terminal);
  }
}
