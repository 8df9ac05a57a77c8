import {resolve} from "node:path";
import {InvalidArgumentError, Option, type Command} from "commander";
import {addExample, addProjectFlags, collect, type ProjectFlags} from "../flags.js";
import {exitCodes, type Terminal} from "../terminal.js";

interface AuditFlags extends ProjectFlags {
  readonly service?: string;
  readonly spineKey?: readonly string[];
  readonly time?: string;
  readonly column?: readonly string[];
  readonly sample: number;
  readonly seed: number;
  readonly full?: true;
  readonly format: "text" | "json" | "html";
  readonly output?: string;
}

export function addAuditCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("audit")
    .description("derive the columns of a dataset again by another path, and find what used the future")
    .argument("<path>", "a parquet file, a partition, a folder of partitions, or a folder or glob of parquet files; of a bucket what is below output_root")
    .option("--service <name>", "the service whose columns they are; default: what the manifest says")
    .option("--spine-key <key>", "a key of a row, or key=column where the file calls it otherwise; may be repeated", collect)
    .option("--time <column>", "the column with the instant of a row; default: the spine's")
    .option("--column <column>", "audit column=view.field, column=aggregation or a column of the service; may be repeated", collect)
    .option("--sample <rows>", "how many rows to check", parseRows, 1000)
    .option("--seed <number>", "which rows: the same seed takes the same ones", parseWhole, 1)
    .option("--full", "check every row")
    .addOption(new Option("--format <format>", "how to print the answer").choices(["text", "json", "html"]).default("text"))
    .option("--output <file>", "write the answer to a file instead of stdout")
    .action(async (path: string, options: AuditFlags) => {
      const [{runAudit}, {openContext}, {auditToData, renderAudit}, {runStoppable}] = await Promise.all([
        import("../audit-run.js"),
        import("../context.js"),
        import("../audit-report.js"),
        import("../signals.js"),
      ]);
      const context = openContext(options, terminal);
      const {service, spineKey, time, column, sample, seed, full} = options;
      const params = {path, service, spine_keys: spineKey, time, columns: column, sample, seed, full};
      const report = await runStoppable(terminal, (signal) => runAudit(params, {...context, signal}));
      const text =
        options.format === "json" ? JSON.stringify(auditToData(report), null, 2) : options.format === "html" ? (await import("../audit-page.js")).renderAuditPage(report) : renderAudit(report);
      if (options.output === undefined) terminal.answer(text);
      else {
        const {writeAnswer} = await import("../answer-file.js");
        terminal.answer(`wrote ${writeAnswer(resolve(terminal.directory, options.output), text)}`);
      }
      if (!report.isPassed) terminal.exitCode = exitCodes.checkFailed;
    });
  addProjectFlags(command);
  addExample(
    command,
    "daeda audit data/training_output/dssm_ranking",
    "daeda audit data/training_output/dssm_ranking/dataset/dt=2026-04-15 --full --format html --output audit.html",
    "daeda audit exports/train.parquet --spine-key artwork_id=item --time ts --column score=artwork_aesthetic.aes_score",
  );
}

function parseRows(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return Number(text);
}

function parseWhole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}
