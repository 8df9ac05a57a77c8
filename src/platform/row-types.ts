/** The rows of a service as types of other languages. */
import {parseDtype, renderDtype, type Dtype} from "../definitions/dtype.js";
import type {Project, Service} from "../definitions/model.js";
import {Problems} from "../errors.js";
import {enrichmentOperators} from "../pipeline/open-service.js";
import {compileService} from "../pipeline/plan-file.js";
import {contractOf} from "../plan/contract.js";

export type TypeLanguage = "ts" | "python";

interface RowColumn {
  readonly name: string;
  /** Undefined where only the plan's run decides it. */
  readonly dtype: Dtype | undefined;
  readonly isNullable: boolean;
}

/** A module with one type. @throws ProblemsError for a service without a plan */
export function renderRowTypes(project: Project, service: Service, language: TypeLanguage): string {
  const columns = listColumns(project, service);
  return language === "ts" ? renderTypeScript(service, columns) : renderPython(service, columns);
}

function listColumns(project: Project, service: Service): readonly RowColumn[] {
  const problems = new Problems();
  const plan = compileService(project, service, problems);
  problems.throwIfErrors();
  const planned = new Map<string, string>();
  for (const op of plan.operators) if (op.opKind === "project" && op.shape.kind === "output") for (const {name, type} of op.shape.columns) if (type !== undefined) planned.set(name, type);
  for (const {column, dtype} of enrichmentOperators(plan)) planned.set(column, dtype);
  const nullable = new Map(service.columns?.map(({name, isNullable}) => [name, isNullable]));
  return contractOf(project, service, new Problems()).map(({name, dtype}) => ({
    name,
    dtype: dtype ?? parseDtype((planned.get(name) ?? "").replace("VARCHAR", "TEXT")),
    isNullable: nullable.get(name) ?? true,
  }));
}

const head = ({name, version}: Service): string => `Rows of ${name}, version ${version}. Written by \`daeda generate types ${name}\`: change the service, not this file.`;

/** `dssm_ranking` -> `DssmRankingRow` */
const typeName = ({name}: Service): string => `${name.split("_").map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("")}Row`;

const typeScriptScalars: Readonly<Record<Dtype["name"], string>> = {
  BIGINT: "bigint", INTEGER: "number", TINYINT: "number", DOUBLE: "number", FLOAT: "number", HALF_FLOAT: "number", BOOLEAN: "boolean", TEXT: "string", TIMESTAMP: "string", DATE: "string",
};

function renderTypeScript(service: Service, columns: readonly RowColumn[]): string {
  const lines = columns.map(({name, dtype, isNullable}) => {
    const scalar = dtype ? typeScriptScalars[dtype.name] : "unknown";
    const type = dtype === undefined || dtype.kind === "scalar" ? scalar : `readonly ${scalar}[]`;
    return `  /** ${dtype ? renderDtype(dtype) : "of an unknown type"} */\n  readonly ${name}: ${type}${isNullable && dtype ? " | null" : ""};`;
  });
  return `/** ${head(service)} */\nexport interface ${typeName(service)} {\n${lines.join("\n")}\n}\n`;
}

const pythonScalars: Readonly<Record<Dtype["name"], string>> = {
  BIGINT: "int", INTEGER: "int", TINYINT: "int", DOUBLE: "float", FLOAT: "float", HALF_FLOAT: "float", BOOLEAN: "bool", TEXT: "str", TIMESTAMP: "datetime.datetime", DATE: "datetime.date",
};
const pythonKeywords = new Set(
  ["False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"],
);

/** A column whose name Python keeps for itself gets a `_` behind it, and COLUMNS its name in the files. */
function renderPython(service: Service, columns: readonly RowColumn[]): string {
  const attribute = (name: string): string => (pythonKeywords.has(name) ? `${name}_` : name);
  const lines = columns.map(({name, dtype, isNullable}) => {
    const scalar = dtype ? pythonScalars[dtype.name] : "typing.Any";
    const type = dtype === undefined || dtype.kind === "scalar" ? scalar : `list[${scalar}]`;
    return `    ${attribute(name)}: ${type}${isNullable && dtype ? " | None" : ""}  # ${dtype ? renderDtype(dtype) : "of an unknown type"}`;
  });
  const names = columns.map(({name}) => `    "${name}",`);
  return [
    `"""${head(service)}"""\n`,
    "from __future__ import annotations\n",
    "import dataclasses\nimport datetime\nimport typing\n",
    `COLUMNS: typing.Final = (\n${names.join("\n")}\n)\n"""In the order of the files, which is that of the fields below."""\n\n`,
    `@dataclasses.dataclass(frozen=True, slots=True)\nclass ${typeName(service)}:\n${lines.join("\n")}\n`,
  ].join("\n");
}
