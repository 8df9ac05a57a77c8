import type {Command} from "commander";
import {addExample, addFormat, addProjectFlags, type FormatOption, type ProjectFlags} from "../flags.js";
import {exitCodes, type Terminal} from "../terminal.js";

export function addDoctorCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command("doctor")
    .description("ask the source of every view: is it there, has it the declared columns, how new is it")
    .action(async (options: FormatOption & ProjectFlags) => {
      const [{diagnoseSources}, {openContext}, {paintProblem, problemToData}, {renderTable}] = await Promise.all([
        import("../../pipeline/doctor.js"),
        import("../context.js"),
        import("../failure.js"),
        import("../table.js"),
      ]);
      const found = await diagnoseSources(openContext(options, terminal).loadProject(), terminal.env);
      if (found.some(({problems}) => problems.length > 0)) terminal.exitCode = exitCodes.expectedError;
      const rows = found.map(({view, problems, rows: count, parts, newest, firstRowMs}) => ({
        view,
        source: problems.length === 0 ? "ok" : "failed",
        rows: count ?? null,
        parts: parts ?? null,
        newest: newest ?? null,
        first_row_ms: firstRowMs ?? null,
      }));
      if (options.format === "json") {
        const data = rows.map((row, index) => ({...row, problems: found[index]!.problems.map(problemToData)}));
        return terminal.answer(JSON.stringify({views: data}, null, 2));
      }
      terminal.answer(renderTable(["view", "source", "rows", "parts", "newest", "first_row_ms"], rows));
      for (const problem of found.flatMap(({problems}) => problems)) terminal.note(paintProblem(problem, terminal));
    });
  addFormat(command);
  addProjectFlags(command);
  addExample(command, "daeda doctor");
}
