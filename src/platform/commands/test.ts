import type {Command} from "commander";
import {addExample, addFormat, addProjectFlags, collect, type FormatOption, type ProjectFlags} from "../flags.js";
import {exitCodes, type Terminal} from "../terminal.js";

interface TestFlags extends FormatOption, ProjectFlags {
  readonly record?: true;
  readonly service?: string;
  readonly key?: readonly string[];
  readonly at?: string;
}

export function addTestCommand(program: Command, terminal: Terminal): void {
  const test = program
    .command("test")
    .description("run test cases: rows written down, and what must come of them; no source is read")
    .argument("[paths...]", "test files, or folders of them; default: tests/**/*.test.yaml")
    .option("--record", "write a case from real rows instead, into the file that is named or a new one in tests")
    .option("--service <name>", "with --record: the service; default: default_service of the settings")
    .option("--key <column=value>", "with --record: a key of the row; may be repeated", collect)
    .option("--at <instant>", "with --record: the instant of the row, UTC where no zone is given")
    .action(async (paths: readonly string[], options: TestFlags) => {
      const [{recordTest, runTests}, {isAllPassed, renderTestReport, testReportToData}, {openContext}] = await Promise.all([
        import("../test-run.js"),
        import("../test-report.js"),
        import("../context.js"),
      ]);
      const context = openContext(options, terminal);
      const isJson = options.format === "json";
      if (options.record) {
        if (paths.length > 1) test.error("error: --record writes one file");
        const request = {path: paths[0], service: options.service, keys: options.key ?? [], at: options.at};
        const path = await recordTest(request, context, terminal.env);
        return terminal.answer(isJson ? JSON.stringify({path}, null, 2) : `wrote ${path}`);
      }
      if (options.service !== undefined || options.key || options.at !== undefined) test.error("error: --service, --key and --at go with --record");
      const report = await runTests(paths, context);
      if (!isAllPassed(report)) terminal.exitCode = exitCodes.expectedError;
      terminal.answer(isJson ? JSON.stringify(testReportToData(report), null, 2) : renderTestReport(report));
    });
  addFormat(test);
  addProjectFlags(test);
  addExample(
    test,
    "daeda test",
    "daeda test tests/likes.test.yaml --format json",
    "daeda test --record --service dssm_ranking --key user_id=1017 --at 2026-04-15T12:00:00",
  );
}
