/** Sources that cannot be read, or hold something else than their view says, and operators that cannot run on them. */
import {didYouMean, list, type WordingTable} from "./wording.js";

export const sourceWordings = {
  "environment-missing": (p: {variable: string; owner: string}) => ({
    text: `${p.owner} needs the environment variable ${p.variable}, which is not set`,
    hint: "set it where the run is started, or correct the reference",
  }),
  "source-unsupported": (p: {view: string; scheme: string}) => ({
    text: `view "${p.view}" is read from "${p.scheme}", which this version does not read`,
    hint: "docs/guides/sources.md says what is read; export it to parquet",
  }),
  "source-missing": (p: {view: string; path: string; tried: readonly string[]; what?: string | undefined}) => ({
    text: p.what === undefined ? `view "${p.view}" has no parquet files at ${p.path}` : `view "${p.view}" finds no ${p.what.replace(/^an? /, "")} at ${p.path}`,
    hint: p.tried.length === 0 ? "check the path" : `looked in ${p.tried.join(" and ")}`,
  }),
  "extension-missing": (p: {extension: string; reason: string; view?: string}) => ({
    text: `the DuckDB extension "${p.extension}"${p.view === undefined ? "" : `, which view "${p.view}" needs,`} is not there and could not be had: ${p.reason}`,
    hint: `daeda extensions install ${p.extension}, which also takes Python wheels, or with --offline <folder> files that you bring`,
  }),
  "package-missing": (p: {view: string; what: string; package: string}) => ({
    text: `view "${p.view}" is read from ${p.what}, for which the package "${p.package}" is not installed`,
    hint: `npm install ${p.package}, in the project or beside daedalus`,
  }),
  "secret-file-unreadable": (p: {path: string; owner: string; reason: string}) => ({
    text: `${p.owner} needs the secret in ${p.path}, which cannot be read: ${p.reason}`,
    hint: "mount the file where the run can read it",
  }),
  "source-option": (p: {view: string; key: string; kind: string; allowed: readonly string[]}) => ({
    text: `"${p.key}" of view "${p.view}" is nothing that ${p.kind} takes`,
    hint: p.allowed.length === 0 ? "remove it" : `it takes ${list(p.allowed)}`,
  }),
  "source-unreachable": (p: {view: string; reason: string; hint?: string | undefined}) => ({
    text: `the source of view "${p.view}" does not answer: ${p.reason}`,
    hint: p.hint ?? "check host, port and network",
  }),
  "source-denied": (p: {view: string; reason: string; hint?: string | undefined}) => ({
    text: `the source of view "${p.view}" refuses: ${p.reason}`,
    hint: p.hint ?? "check user, password or keys, and what they may read",
  }),
  "source-snapshot-missing": (p: {view: string; wanted: string; known: string}) => ({
    text: `the source of view "${p.view}" has no snapshot ${p.wanted}`,
    hint: `it may have expired: there are snapshots ${p.known}`,
  }),
  "source-lost": (p: {day: string; attempts: number; reason: string}) => ({
    text: `a source was lost ${p.attempts} times while ${p.day} was made: ${p.reason}`,
    hint: "the day was not published; run again when the source is back",
  }),
  "source-unreadable": (p: {view: string; reason: string; hint?: string | undefined}) => ({
    text: `the source of view "${p.view}" cannot be read: ${p.reason}`,
    hint: p.hint ?? "daeda doctor asks the sources of all views and says what each of them answers",
  }),
  "source-column-missing": (p: {view: string; column: string; nearest?: string | undefined; columns: readonly string[]}) => ({
    text: `the source of view "${p.view}" has no column "${p.column}"`,
    hint: didYouMean(p.nearest) ?? `its columns are ${list(p.columns)}`,
  }),
  "source-dtype": (p: {view: string; column: string; declared: string; found: string}) => ({
    text: `column "${p.column}" of view "${p.view}" is declared as ${p.declared}, but its source holds ${p.found}`,
    hint: "declare the dtype that the source has, or cast the column where it is written",
  }),
  "operator-not-sql": (p: {operator: string; opKind: string}) => ({
    text: `operator "${p.operator}" (${p.opKind}) cannot run in the query`,
  }),
  "ranges-overlap": (p: {view: string; keys: readonly string[]}) => ({
    text: `the validity ranges of view "${p.view}" overlap for ${p.keys.join("; ")}`,
    hint: 'end each range in "valid_to" where the next one begins',
  }),
  "duplicate-rows": (p: {view: string; keys: readonly string[]; isStatic: boolean}) => ({
    text: `view "${p.view}" has several rows for ${p.keys.join("; ")}${p.isStatic ? "" : " at one instant"}`,
    hint: p.isStatic
      ? "a view without timestamp_field has one row a key: set a timestamp_field, or make its rows unique"
      : 'name columns in "tie_break" that tell the rows apart, or set "on_duplicate: pick"',
  }),
} as const satisfies WordingTable;
