import {spawn} from "node:child_process";
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import type {Command} from "commander";
import {parse} from "yaml";
import {afterAll, beforeAll, beforeEach, describe, expect, it} from "vitest";
import {createProgram} from "../../src/platform/cli.js";
import {settingDefaults} from "../../src/platform/settings.js";
import {openTerminal} from "../../src/platform/terminal.js";
import {daedaPath, runDaeda, type RunOptions, type RunResult} from "../support/run-daeda.js";

let scratch: string;
/** What `daeda init` writes, never changed. */
let template: string;
/** A copy of it for each test. */
let project: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "daedalus-cli-"));
  template = join(scratch, "template");
  const {exitCode} = await runDaeda(["init", template], {directory: scratch});
  expect(exitCode).toBe(0);
});
afterAll(() => rmSync(scratch, {recursive: true, force: true}));
beforeEach(() => {
  project = mkdtempSync(join(scratch, "project-"));
  cpSync(template, project, {recursive: true});
});

const daeda = (args: string, options: Partial<RunOptions> = {}): Promise<RunResult> =>
  runDaeda(args.split(" ").filter(Boolean), {directory: project, ...options});

/** Replaces text of a project's file and fails when it is not there. */
function edit(path: string, change: {readonly from: string; readonly to: string}): void {
  const text = readFileSync(join(project, path), "utf8");
  expect(text).toContain(change.from);
  writeFileSync(join(project, path), text.replace(change.from, change.to));
}

function commandsBelow(command: Command, path: readonly string[] = []): {readonly path: readonly string[]; readonly command: Command}[] {
  return command.commands.flatMap((child) => {
    const childPath = [...path, child.name()];
    return [{path: childPath, command: child}, ...commandsBelow(child, childPath)];
  });
}

const commands = commandsBelow(createProgram(openTerminal()));

describe("help", () => {
  it.each(commands.map(({path}) => path.join(" ")))("of %s is an answer, and has an example", async (path) => {
    const {exitCode, stdout, stderr} = await daeda(`${path} --help`);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toContain(`Usage: daeda ${path}`);
    expect(stdout).toMatch(/\nExamples?:\n {2}\S/);
  });

  it("names every command of the first level", async () => {
    const {stdout} = await daeda("--help");
    for (const {path} of commands.filter((entry) => entry.path.length === 1)) expect(stdout).toMatch(new RegExp(`^  ${path[0]!}\\b`, "m"));
  });

  it("says the version that package.json has", async () => {
    const {version} = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {version: string};
    expect((await daeda("--version")).stdout).toBe(`${version}\n`);
  });

  it("is documented: every command and flag stands in docs/reference/cli.md", () => {
    const page = readFileSync(new URL("../../docs/reference/cli.md", import.meta.url), "utf8");
    const missing = commands.flatMap(({path, command}) => {
      const flags = command.options.map((option) => option.long!).filter((flag) => flag !== "--help");
      const isLeaf = command.commands.length === 0;
      const words = isLeaf ? [`daeda ${path.join(" ")}`, ...flags] : [];
      return words.filter((word) => !page.includes(word)).map((word) => `${word} of ${path.join(" ")}`);
    });
    expect(missing).toEqual([]);
  });
});

describe("a command line that is not understood", () => {
  it.each([
    ["nothing", "", "Usage: daeda"],
    ["an unknown command", "trian", "unknown command 'trian'"],
    ["an unknown command of a group", "config shwo", "Did you mean show?"],
    ["an unknown flag", "lint --strict", "unknown option '--strict'"],
    ["an argument too few", "views show", "missing required argument 'name'"],
    ["an argument too many", "lint all", "too many arguments"],
    ["an unknown format", "views list --format yaml", "Allowed choices are text, json"],
    ["a day that is none", "pipeline train --target-date 2026-02-30", "A day is written YYYY-MM-DD"],
    ["a month in place of a day", "pipeline train --target-date 2026-02", "A day is written YYYY-MM-DD"],
    ["no workers", "pipeline train --day-workers 0", "whole number above 0"],
    ["two stages that exclude each other", "pipeline train --skeleton-only --enrich-only", "cannot be used with option"],
  ])("exits with 2 and says why on stderr: %s", async (_, args, message) => {
    const {exitCode, stdout, stderr} = await daeda(args);
    expect({exitCode, stdout}).toEqual({exitCode: 2, stdout: ""});
    expect(stderr).toContain(message);
  });
});

describe("config", () => {
  const config = "config.toml";
  const withConfig = (args: string): Promise<RunResult> => daeda(args, {env: {DAEDALUS_CONFIG: config}});

  it("prints the six defaults as JSON without a file, and the file's path", async () => {
    expect(JSON.parse((await daeda("config show --format json")).stdout)).toEqual(settingDefaults);
    expect((await daeda("config path")).stdout).toBe(`${join(project, ".daedalus", "config.toml")}\n`);
    expect((await withConfig("config path")).stdout).toBe(`${join(project, config)}\n`);
  });

  it("sets a key in the file, and shows it", async () => {
    expect((await withConfig("config init")).exitCode).toBe(0);
    expect((await withConfig("config set default_service ranking")).exitCode).toBe(0);
    const shown = JSON.parse((await withConfig("config show --format json")).stdout) as object;
    expect(shown).toEqual({...settingDefaults, default_service: "ranking"});
    expect(readFileSync(join(project, config), "utf8")).toContain('default_service = "ranking"');
  });

  it("overwrites a file only with --force", async () => {
    writeFileSync(join(project, config), "# mine\n");
    const refused = await withConfig("config init");
    expect(refused).toMatchObject({exitCode: 1, stdout: ""});
    expect(refused.stderr).toContain("error file-exists");
    expect(readFileSync(join(project, config), "utf8")).toBe("# mine\n");
    expect((await withConfig("config init --force")).exitCode).toBe(0);
    expect(readFileSync(join(project, config), "utf8")).toContain("default_service");
  });

  it("shows where a broken file is broken, on every command that reads it", async () => {
    writeFileSync(join(project, config), 'api_url = "http://a"\nouput_root = "x"\n');
    for (const args of ["config show", "views list"]) {
      const {exitCode, stdout, stderr} = await withConfig(args);
      expect({exitCode, stdout}).toEqual({exitCode: 1, stdout: ""});
      expect(stderr).toBe(
        `${join(project, config)}:2:1: error key-unknown: unknown key "ouput_root"\n   2 | ouput_root = "x"\n     | ^^^^^^^^^^\n  hint: did you mean "output_root"?\n`,
      );
    }
    expect((await withConfig("config path")).exitCode).toBe(0);
  });

  it("says which folders of definitions count", async () => {
    mkdirSync(join(project, "other"));
    cpSync(join(project, "feature_services", "ranking.yaml"), join(project, "other", "second.yaml"));
    writeFileSync(join(project, "other", "second.yaml"), readFileSync(join(project, "other", "second.yaml"), "utf8").replace("name: ranking", "name: second"));
    await withConfig("config set feature_services_dir other");
    const names = async (args: string): Promise<string[]> =>
      (JSON.parse((await withConfig(args)).stdout) as {services: {name: string}[]}).services.map(({name}) => name);
    expect(await names("services list --format json")).toEqual(["second"]);
    expect(await names("services list --format json --feature-services-dir feature_services")).toEqual(["ranking"]);
  });
});

describe("init", () => {
  it("writes a project that lints, whose files name schemas that are there", async () => {
    expect(await daeda("lint")).toEqual({exitCode: 0, stdout: "0 errors, 0 warnings in 1 view and 1 service\n", stderr: ""});
    for (const file of ["config/base.yaml", "config/training/runtime.yaml", "feature_views/events.yaml", "feature_services/ranking.yaml"]) {
      const [, schema = ""] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(join(project, file), "utf8")) ?? [];
      const path = join(project, file, "..", schema);
      expect(JSON.parse(readFileSync(path, "utf8"))).toHaveProperty("$schema");
    }
  });

  it("keeps what is there, unless forced", async () => {
    edit("feature_services/ranking.yaml", {from: "version: 1", to: "version: 7"});
    const kept = await daeda("init");
    expect(kept.exitCode).toBe(0);
    expect(kept.stdout).toContain("kept feature_services/ranking.yaml");
    expect(readFileSync(join(project, "feature_services/ranking.yaml"), "utf8")).toContain("version: 7");
    expect((await daeda("init --force")).stdout).toContain("wrote feature_services/ranking.yaml");
    expect(readFileSync(join(project, "feature_services/ranking.yaml"), "utf8")).toContain("version: 1");
  });

  it("says so when it cannot write", async () => {
    writeFileSync(join(project, "file"), "");
    const {exitCode, stderr} = await daeda("init file");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error file-unwritable: cannot write .*file.*: E(NOTDIR|EXIST)\n$/);
  });
});

describe("lint", () => {
  it("prints all problems of all files on stdout and exits with 1", async () => {
    edit("feature_views/events.yaml", {from: "dtype: TEXT", to: "dtype: TEXTS"});
    edit("feature_services/ranking.yaml", {from: "keep:", to: "kep:"});
    const {exitCode, stdout, stderr} = await daeda("lint");
    expect({exitCode, stderr}).toEqual({exitCode: 1, stderr: ""});
    expect(stdout).toContain('feature_views/events.yaml:9:26: error dtype-unknown: field "event" has an unknown dtype "TEXTS"\n   9 |   - {name: event, dtype: TEXTS}\n');
    expect(stdout).toMatch(/^feature_services\/ranking\.yaml:8:27: error key-unknown: /m);
    expect(stdout).toMatch(/\n3 errors, 0 warnings\n$/);
  });

  it("prints the same as JSON", async () => {
    edit("feature_views/events.yaml", {from: "dtype: TEXT", to: "dtype: TEXTS"});
    const {exitCode, stdout} = await daeda("lint --format json");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      errors: 1,
      problems: [{severity: "error", code: "dtype-unknown", hint: 'did you mean "TEXT"?', place: {file: "feature_views/events.yaml", line: 9, column: 26}}],
    });
  });

  it("finds what only a plan shows, such as a column that nothing makes", async () => {
    edit("feature_services/ranking.yaml", {from: "name: liked_item_ids_7d", to: "name: liked_item_ids_8d"});
    const {exitCode, stdout} = await daeda("lint");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("feature_services/ranking.yaml:15:12: error column-unknown");
    expect(stdout).toContain('did you mean "liked_item_ids_7d"?');
  });

  it("finds SQL that cannot run", async () => {
    edit("config/training/aggregations.yaml", {from: "hist.event = 'like'", to: "hist.event LIKES 'like'"});
    const {exitCode, stdout} = await daeda("lint");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^config\/training\/aggregations\.yaml:\d+:\d+: error condition-wrong: the condition of aggregation "liked_item_ids_7d" is wrong: Parser Error/m);
  });

  it.each([
    ["hist.event", "it is VARCHAR, not true or false"],
    ["count(*) > 1", "WHERE clause cannot contain aggregates"],
    ["event = cur.event", 'Ambiguous reference to column name "event"'],
  ])("finds that %s is no condition", async (condition, reason) => {
    edit("config/training/aggregations.yaml", {from: "hist.event = 'like'", to: condition});
    const {exitCode, stdout} = await daeda("lint");
    expect({exitCode, stdout}).toMatchObject({exitCode: 1, stdout: expect.stringContaining(reason) as string});
    expect(stdout).toContain("error condition-wrong");
  });

  it("checks what --set says as it checks the file", async () => {
    expect((await daeda("lint --set day_workers=2 --set compute.engine=polars")).exitCode).toBe(0);
    const {exitCode, stdout} = await daeda("lint --set compute.engin=polars");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("--set:1:9: error key-unknown");
  });

  it("goes where the flags point", async () => {
    const {exitCode, stdout} = await daeda("lint --runtime-config-path nowhere.yaml");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("error file-missing: the runtime configuration not found: nowhere.yaml");
  });
});

describe("views and services", () => {
  it("are listed with one line each, and as JSON", async () => {
    expect((await daeda("views list")).stdout.split("\n")[1]).toMatch(/^events {2}user, item {2}pit {3}1 {7}data\/events/);
    expect(JSON.parse((await daeda("views list --format json")).stdout)).toMatchObject({views: [{name: "events", entity: ["user", "item"], fields: 1}]});
    expect(JSON.parse((await daeda("services list --format json")).stdout)).toMatchObject({services: [{name: "ranking", version: 1, spine: "events", columns: 6}]});
  });

  it("are shown in full, the same in both formats", async () => {
    for (const args of ["views show events", "services show ranking"]) {
      const json: unknown = JSON.parse((await daeda(`${args} --format json`)).stdout);
      expect(json).toHaveProperty("name", args.split(" ")[2]);
      expect(parse((await daeda(args)).stdout)).toEqual(json);
    }
  });

  it("never show what credentials hold", async () => {
    edit("feature_views/events.yaml", {from: "  path: data/events", to: "  path: s3://bucket/events\n  credentials: {secret: \"${S3_SECRET}\"}"});
    const {stdout} = await daeda("views show events", {env: {S3_SECRET: "hunter2"}});
    expect(stdout).toContain("- secret");
    expect(stdout).not.toContain("hunter2");
  });

  it("that do not exist are named with the nearest one", async () => {
    const {exitCode, stdout, stderr} = await daeda("views show event");
    expect({exitCode, stdout}).toEqual({exitCode: 1, stdout: ""});
    expect(stderr).toBe('error reference-unknown: feature view "event" does not exist\n  hint: did you mean "events"?\n');
  });

  it("default to the settings' service, and say so when there is none of that name", async () => {
    const {exitCode, stderr} = await daeda("services show");
    expect(exitCode).toBe(1);
    expect(stderr).toContain('feature service "dssm_ranking" does not exist');
    expect(stderr).toContain("none was named, so default_service of");
    const env = {DAEDALUS_CONFIG: "config.toml"};
    await daeda("config set default_service ranking", {env});
    expect((await daeda("services show", {env})).stdout).toMatch(/^name: ranking$/m);
  });
});

describe("schema", () => {
  it("writes a JSON Schema for each kind of file", async () => {
    const {exitCode, stdout} = await daeda("schema --output-dir schemas --format json");
    expect(exitCode).toBe(0);
    const {files} = JSON.parse(stdout) as {files: string[]};
    expect(files.map((file) => file.replace(join(project, "schemas", ""), "").replace(/^\//, "")).sort()).toEqual(
      ["aggregations", "base", "runtime", "service", "test", "view"].map((name) => `${name}.schema.json`),
    );
    for (const file of files) expect(JSON.parse(readFileSync(file, "utf8"))).toHaveProperty("properties");
  });
});

describe("pipeline compile", () => {
  it("writes the plan, or prints it with --no-write", async () => {
    const printed = await daeda("pipeline compile ranking --no-write");
    const plan = parse(printed.stdout) as {service: string; operators: {op_kind: string}[]};
    expect(plan.service).toBe("ranking");
    expect(plan.operators.map((operator) => operator.op_kind)).toContain("rolling_aggregate");
    const json = JSON.parse((await daeda("pipeline compile ranking --no-write --format json")).stdout) as {path: null; plan: object};
    expect(json).toEqual({path: null, plan});
    expect((await daeda("pipeline compile ranking")).stdout).toBe("wrote config/pipelines/ranking.generated.yaml\n");
    expect(parse(readFileSync(join(project, "config/pipelines/ranking.generated.yaml"), "utf8"))).toEqual(json.plan);
  });

  it("writes where --output-dir says, and heeds the override there", async () => {
    mkdirSync(join(project, "plans"));
    writeFileSync(join(project, "plans", "ranking.yaml"), "engines: {sink_nowhere: sql}\n");
    const {exitCode, stderr} = await daeda("pipeline compile ranking --output-dir plans");
    expect(exitCode).toBe(1);
    expect(stderr).toContain('an operator "sink_nowhere" does not exist');
  });
});

describe("streams", () => {
  it("end quietly when nobody reads on", async () => {
    const child = spawn(process.execPath, [daedaPath, "pipeline", "compile", "ranking", "--no-write"], {cwd: project, env: {PATH: "", HOME: project}});
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.destroy();
    const exitCode = await new Promise((resolve) => child.on("close", resolve));
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ""});
  });
});
