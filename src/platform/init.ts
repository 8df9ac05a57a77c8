/** Writes a new project, and the JSON Schemas that give editors completion in it. */
import {existsSync, mkdirSync, writeFileSync} from "node:fs";
import {dirname, join, relative} from "node:path";
import {renderJsonSchemas, schemaFile} from "../definitions/json-schema.js";
import {DaedalusError} from "../errors.js";
import {templateFiles, type TemplateFile} from "./project-template.js";

/** Below a project's root; the first line of each YAML file points here. */
export const schemaDirectory = join(".daedalus", "schemas");

export interface InitReport {
  readonly written: readonly string[];
  /** Were there already and stay as they are. */
  readonly kept: readonly string[];
}

/** Files that are there already are kept, unless forced; schemas are generated, so they are always renewed. */
export function initProject(directory: string, options: {readonly isForced: boolean}): InitReport {
  const isKept = ({path}: TemplateFile): boolean => !options.isForced && existsSync(join(directory, path));
  const kept = templateFiles.filter(isKept);
  const written = templateFiles.filter((file) => !kept.includes(file));
  for (const file of written) writeText(join(directory, file.path), renderTemplate(file));
  const schemas = writeSchemas(join(directory, schemaDirectory)).map((path) => relative(directory, path));
  return {written: [...written.map(({path}) => path), ...schemas], kept: kept.map(({path}) => path)};
}

/** Writes one JSON Schema for each kind of file; gives their paths. */
export function writeSchemas(directory: string): string[] {
  return [...renderJsonSchemas()].map(([name, text]) => {
    const path = join(directory, name);
    writeText(path, text);
    return path;
  });
}

function renderTemplate({path, schema, body}: TemplateFile): string {
  const target = join(schemaDirectory, schemaFile(schema));
  return `# yaml-language-server: $schema=${relative(dirname(path), target).replaceAll("\\", "/")}\n${body}`;
}

function writeText(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text);
  } catch (error) {
    throw DaedalusError.of("file-unwritable", {path, reason: (error as NodeJS.ErrnoException).code ?? String(error)}, {cause: error});
  }
}
