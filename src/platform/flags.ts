/** Flags that many commands share, so that they have one name and one wording. */
import {InvalidArgumentError, Option, type Command} from "commander";

export interface FormatOption {
  readonly format: "text" | "json";
}

export interface ProjectFlags {
  readonly runtimeConfigPath?: string;
  readonly aggregationConfigPath?: string;
  readonly featureViewsDir?: string;
  readonly featureServicesDir?: string;
  readonly set?: readonly string[];
}

/** A command that only holds others. */
export function addGroup(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

export function addFormat(command: Command): void {
  command.addOption(new Option("--format <format>", "how to print the answer").choices(["text", "json"]).default("text"));
}

/** Where the project's files are, and values that win over them. */
export function addProjectFlags(command: Command): void {
  command
    .option("--runtime-config-path <file>", "instead of config/training/runtime.yaml")
    .option("--aggregation-config-path <file>", "instead of config/training/aggregations.yaml")
    .option("--feature-views-dir <folder>", "the folder of the feature views")
    .option("--feature-services-dir <folder>", "the folder of the feature services")
    .option("--set <key=value>", "set one key of the YAML for this run; may be repeated", collect);
}

export function addExample(command: Command, ...lines: readonly string[]): void {
  const title = lines.length === 1 ? "Example" : "Examples";
  command.addHelpText("after", `\n${title}:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(text);
}

function parseDay(text: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);
  if (!isDay) throw new InvalidArgumentError("A day is written YYYY-MM-DD.");
  return text;
}

export interface DayFlags {
  readonly targetDate?: string;
  readonly fromDate?: string;
  readonly toDate?: string;
}

/** One day, or a range of days. */
export function addDayFlags(command: Command, otherwise: string): void {
  command
    .addOption(new Option("--target-date <day>", `this day only, YYYY-MM-DD${otherwise}`).argParser(parseDay).conflicts(["fromDate", "toDate"]))
    .option("--from-date <day>", "the days from this one on; with --to-date", parseDay)
    .option("--to-date <day>", "the last of these days", parseDay)
    .hook("preAction", (_, called) => {
      const {fromDate, toDate} = called.opts<DayFlags>();
      if ((fromDate === undefined) !== (toDate === undefined)) called.error("error: --from-date and --to-date go together");
    });
}

export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
