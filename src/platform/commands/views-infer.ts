import {existsSync, mkdirSync, writeFileSync} from "node:fs";
import {join, resolve} from "node:path";
import type {Command} from "commander";
import {addExample, addFormat, addProjectFlags, collect, type FormatOption, type ProjectFlags} from "../flags.js";
import type {Terminal} from "../terminal.js";

interface InferFlags extends FormatOption, ProjectFlags {
  readonly table?: string;
  readonly query?: string;
  readonly dataPath?: string;
  readonly option?: readonly string[];
  readonly credential?: readonly string[];
  readonly name?: string;
  readonly entity?: readonly string[];
  readonly timestamp?: string;
  readonly write?: true;
}

export function addInferCommand(views: Command, terminal: Terminal): void {
  const command = views
    .command("infer")
    .description("write the YAML of a view from what a live source says of itself")
    .argument("<source>", "what path or database_path will say, with ${NAME} for credentials")
    .option("--table <name>", "a table of the database")
    .option("--query <sql>", "what the database runs instead of reading a table")
    .option("--data-path <location>", "where a DuckLake keeps its files")
    .option("--option <key=value>", "one of the source's options; may be repeated", collect)
    .option("--credential <key=reference>", "one of the source's credentials, such as access_key_id='${S3_KEY}'; may be repeated", collect)
    .option("--name <name>", "the name of the view; default: after the table or the path")
    .option("--entity <name>", "whom a row is about; may be repeated; default: guessed from columns such as user_id", collect)
    .option("--timestamp <column>", "the column that says when; default: guessed")
    .option("--write", "write the file into the folder of the feature views instead of printing it")
    .action(async (location: string, flags: InferFlags) => {
      const [{inferView}, {loadFoundation}, {openContext}, {parse}] = await Promise.all([
        import("../../pipeline/view-infer.js"),
        import("../../definitions/project.js"),
        import("../context.js"),
        import("yaml"),
      ]);
      const {projectOptions} = openContext(flags, terminal);
      const pairs = (list: readonly string[] = []): [string, string][] =>
        list.map((pair) => {
          const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? command.error(`error: "${pair}" is not key=value`);
          return [key!, value!];
        });
      const inferred = await inferView(
        {
          location,
          tableName: flags.table,
          query: flags.query,
          dataPath: flags.dataPath,
          options: Object.fromEntries(pairs(flags.option).map(([key, value]) => [key, parse(value) as unknown])),
          credentials: Object.fromEntries(pairs(flags.credential)),
          name: flags.name,
          entities: flags.entity,
          timestamp: flags.timestamp,
        },
        loadFoundation(projectOptions),
        terminal.env,
      );
      const path = flags.write === true ? await writeView(inferred, resolve(projectOptions.root, projectOptions.featureViewsDir ?? "feature_views")) : null;
      if (flags.format === "json") return terminal.answer(JSON.stringify({...inferred, path}, null, 2));
      if (path === null) return terminal.answer(inferred.yaml.trimEnd());
      terminal.answer(path);
      for (const note of inferred.notes) terminal.note(`note: ${note}`);
    });
  addFormat(command);
  addProjectFlags(command);
  addExample(
    command,
    "daeda views infer data/orders",
    "daeda views infer 'postgresql://${PGUSER}:${PGPASSWORD}@db.internal/shop' --table public.prices --write",
    "daeda views infer s3://feed/events --credential 'access_key_id=${S3_KEY}' --credential 'secret_access_key=${S3_SECRET}' --option region=eu-central-1",
  );
}

async function writeView({name, yaml}: {readonly name: string; readonly yaml: string}, folder: string): Promise<string> {
  const [{DaedalusError}, {explainWriteFailure}] = await Promise.all([import("../../errors.js"), import("../../pipeline/failure.js")]);
  const path = join(folder, `${name}.yaml`);
  if (existsSync(path)) throw DaedalusError.of("file-exists", {path, what: "a view of that name", hint: "choose another with --name, or remove the file"});
  try {
    mkdirSync(folder, {recursive: true});
    writeFileSync(path, yaml);
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
  return path;
}
