/** What an audit or an explanation is asked for and cannot tell. */
import {didYouMean, list, type WordingTable} from "./wording.js";

export const auditWordings = {
  "audit-empty-mapping": (p: {path: string}) => ({
    text: `nothing says what the columns of ${p.path} should hold`,
    hint: "name a service with --service, or columns with --column name=view.field or --column name=aggregation",
  }),
  "flag-wrong": (p: {flag: string; value: string | undefined; expected: string}) => ({
    text: p.value === undefined ? `--${p.flag} is missing` : `--${p.flag} ${p.value} does not fit`,
    hint: `write ${p.expected}`,
  }),
  "audit-definition-unknown": (p: {column: string; definition: string; nearest?: string | undefined}) => ({
    text: `--column ${p.column}=${p.definition}: there is no such definition`,
    hint: didYouMean(p.nearest) ?? "write view.field, or the name of an aggregation or derived column",
  }),
  "audit-embedding": (p: {column: string; definition: string; store: string}) => ({
    text: `--column ${p.column}=${p.definition}: an embedding is looked up by an id, not derived from history, so an audit has nothing to say of it`,
    hint: `daeda embeddings stats ${p.store} checks its store`,
  }),
  "audit-service-needed": (p: {what: string; services: readonly string[]}) => ({
    text: `${p.what} depends on the service whose spine it is computed for`,
    hint: `name it with --service: ${list(p.services)}`,
  }),
  "audit-column-missing": (p: {path: string; what: string; column: string; nearest?: string | undefined; columns: readonly string[]}) => ({
    text: `${p.path} has no column "${p.column}", which is ${p.what}`,
    hint: didYouMean(p.nearest) ?? `its columns are ${list(p.columns)}`,
  }),
  "audit-dtype": (p: {path: string; column: string; found: string; expected: string}) => ({
    text: `column "${p.column}" of ${p.path} is ${p.found}, but its definition gives ${p.expected}`,
    hint: "compare it with another definition, or write the file with the defined type",
  }),
  "audit-mixed": (p: {path: string; services: readonly string[]}) => ({
    text: `${p.path} holds partitions of several services: ${list(p.services)}`,
    hint: "audit one of them at a time",
  }),
  "manifest-broken": (p: {path: string; reason: string}) => ({
    text: `${p.path} is no manifest: ${p.reason}`,
    hint: "it was edited by hand or cut off: make the partition again with --force",
  }),
  "row-missing": (p: {service: string; row: string; nearby: readonly string[]}) => ({
    text: `the spine of service "${p.service}" has no row ${p.row}`,
    hint: p.nearby.length > 0 ? `rows nearby: ${p.nearby.join("; ")}` : "no row has these keys",
  }),
  "record-row-dropped": (p: {service: string; row: string}) => ({
    text: `the spine of service "${p.service}" has the row ${p.row}, but its dataset does not`,
    hint: "a filter, the session filter or the coverage filter drops it; daeda explain row says which",
  }),
  "row-ambiguous": (p: {row: string; count: number; column: string; values: readonly string[]}) => ({
    text: `${p.count} rows of the spine are ${p.row}`,
    hint: `tell them apart with --key ${p.column}=..., which is one of ${p.values.join(", ")}`,
  }),
} as const satisfies WordingTable;
