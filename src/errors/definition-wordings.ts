/** What is wrong in YAML files, and in what they say of each other. */
import {didYouMean, list, type WordingTable} from "./wording.js";

export const definitionWordings = {
  "file-missing": (p: {path: string; what: string; hint?: string}) => ({text: `${p.what} not found: ${p.path}`, hint: p.hint}),
  "file-unreadable": (p: {path: string; reason: string}) => ({text: `cannot read ${p.path}: ${p.reason}`}),
  "yaml-broken": (p: {reason: string}) => ({text: `the YAML is broken: ${p.reason}`}),
  "key-unknown": (p: {key: string; nearest?: string; allowed: readonly string[]}) => ({
    text: `unknown key "${p.key}"`,
    hint: didYouMean(p.nearest) ?? (p.allowed.length === 0 ? undefined : `the keys here are ${list(p.allowed)}`),
  }),
  "key-missing": (p: {key: string; what: string}) => ({text: `${p.what} needs the key "${p.key}"`}),
  "value-wrong": (p: {key: string; expected: string; found: string; nearest?: string}) => ({
    text: `"${p.key}" must be ${p.expected}, not ${p.found}`,
    hint: didYouMean(p.nearest),
  }),
  "dtype-unknown": (p: {field: string; dtype: string; nearest?: string}) => ({
    text: `field "${p.field}" has an unknown dtype "${p.dtype}"`,
    hint: didYouMean(p.nearest),
  }),
  "name-duplicate": (p: {what: string; name: string; first: string}) => ({
    text: `${p.what} "${p.name}" is defined twice`,
    hint: `it is already defined at ${p.first}`,
  }),
  "reference-unknown": (p: {what: string; name: string; owner?: string; nearest?: string; hint?: string}) => ({
    text: `${p.what} "${p.name}"${p.owner === undefined ? "" : ` of ${p.owner}`} does not exist`,
    hint: didYouMean(p.nearest) ?? p.hint,
  }),
  "reference-cycle": (p: {what: string; names: readonly string[]}) => ({
    text: `${p.what} refer to each other in a circle: ${p.names.join(" -> ")}`,
  }),
  "keys-conflict": (p: {keys: readonly [string, string]; reason: string}) => ({
    text: `"${p.keys[0]}" and "${p.keys[1]}" cannot be set together`,
    hint: p.reason,
  }),
  "check-ambiguous": (p: {found: readonly string[]; known: readonly string[]}) => ({
    text: p.found.length === 0 ? "a check says nothing to check" : `a check names ${list(p.found)} at once`,
    hint: `write one check for each of: ${list(p.known)}`,
  }),
  "check-vacuous": (p: {check: string; reason: string; hint: string}) => ({text: `the check "${p.check}" can never fail: ${p.reason}`, hint: p.hint}),
  "check-unpassable": (p: {check: string; reason: string; hint: string}) => ({text: `the check "${p.check}" can never pass: ${p.reason}`, hint: p.hint}),
  "source-incomplete": (p: {view: string; reason: string; hint: string}) => ({
    text: `the source of view "${p.view}" ${p.reason}`,
    hint: p.hint,
  }),
  "credentials-literal": (p: {key: string}) => ({
    text: `"${p.key}" holds credentials that are written out`,
    hint: "write them as references such as ${PGPASSWORD}, which a run reads from its environment",
  }),
  "path-variable-unset": (p: {variable: string; file: string}) => ({
    text: `the path uses \${${p.variable}}, which is not set`,
    hint: `set "${p.variable}" in ${p.file}`,
  }),
  "timestamp-needed": (p: {what: string; view: string}) => ({
    text: `${p.what} needs a timestamp, and view "${p.view}" has none`,
    hint: `set "timestamp_field" in the source of view "${p.view}"`,
  }),
  "columns-disagree": (p: {service: string; column: string; reason: string; hint: string}) => ({
    text: `column "${p.column}" of service "${p.service}" ${p.reason}`,
    hint: p.hint,
  }),
  "output-column-unused": (p: {column: string; nearest?: string}) => ({
    text: `output column "${p.column}" is no column of any service`,
    hint: didYouMean(p.nearest) ?? "remove it, or add it to the columns of a service",
  }),
  "override-malformed": (p: {override: string}) => ({
    text: `"${p.override}" does not set a key`,
    hint: "write the key of runtime.yaml, = and the value: --set compute.engine=polars",
  }),
  "view-never-counts": (p: {view: string; reason: string}) => ({
    text: `no row of view "${p.view}" ever counts: ${p.reason}`,
    hint: "make the ttl longer than the embargo",
  }),
  "setting-without-effect": (p: {key: string; reason: string}) => ({text: `"${p.key}" has no effect: ${p.reason}`}),
  "column-unknown": (p: {column: string; service: string; nearest?: string | undefined}) => ({
    text: `nothing produces the column "${p.column}" of service "${p.service}"`,
    hint: didYouMean(p.nearest) ?? "declare it in a view that feature_refs loads, or give it a default",
  }),
  "column-ambiguous": (p: {column: string; producers: readonly string[]}) => ({
    text: `the column "${p.column}" has several producers: ${p.producers.join(", ")}`,
    hint: "rename all but one; field_mapping renames a source column",
  }),
  "column-kind": (p: {service: string; column: string; kind: string; allowed: readonly string[]}) => ({
    text: `column "${p.column}" of service "${p.service}" is declared as kind "${p.kind}", but is made as ${p.allowed.join(" or ")}`,
  }),
  "column-dtype": (p: {service: string; column: string; declared: string; produced: string}) => ({
    text: `column "${p.column}" of service "${p.service}" is declared as ${p.declared}, but is made as ${p.produced}`,
  }),
  "columns-missing": (p: {service: string}) => ({
    text: `service "${p.service}" does not say which columns its dataset has`,
    hint: 'list them under "columns" of the service or "output_columns" of runtime.yaml',
  }),
  "join-key-missing": (p: {view: string; key: string; base: string; column: string}) => ({
    text: `column "${p.column}" needs view "${p.view}", whose join key "${p.key}" the rows of "${p.base}" do not have`,
  }),
  "item-key-missing": (p: {spec: string; service: string}) => ({
    text: `aggregation "${p.spec}" excludes the row's own item, but the spine of service "${p.service}" names none`,
    hint: 'set "item_key" of the spine, or name a column in "exclude_self"',
  }),
  "aggregation-key-large": (p: {rows: number}) => ({
    text: `the windows of one key, with the keys beside it, have ${p.rows} rows of history: more than the native engine holds in memory that a thread can address`,
    hint: "set engine: duckdb in compute of runtime.yaml, make the windows shorter, or leave out rows of keys that are no real users",
  }),
  "aggregation-overflow": (p: {spec: string}) => ({
    text: `a sum of aggregation "${p.spec}" is beyond BIGINT`,
    hint: "cast the value column to DOUBLE in the view's query, or make the window shorter",
  }),
  "aggregation-value": (p: {spec: string; operation: string; column: string; expected: string; dtype: string}) => ({
    text: `aggregation "${p.spec}" (${p.operation}) needs ${p.expected}, but "${p.column}" is ${p.dtype}`,
    hint: p.expected === "a list" ? '"distinct_list" takes single values' : p.dtype.endsWith("[]") ? '"flatten_distinct" takes lists apart, "count" counts them' : '"count_distinct" and "top_k" take values that are no numbers',
  }),
  "condition-wrong": (p: {spec: string; reason: string}) => ({
    text: `the condition of aggregation "${p.spec}" is wrong: ${p.reason}`,
  }),
  "sql-unstable": (p: {what: string; call: string}) => ({
    text: `${p.what} asks "${p.call}", which gives another answer each time`,
    hint: "a day that is made again must be the same: compare columns of the row with one another, and take samples with hash()",
  }),
  "lookback-short": (p: {service: string; lookbackDays: number; longestDays: number}) => ({
    text: `lookback_days of service "${p.service}" is ${p.lookbackDays}, but its longest window is ${p.longestDays} days: windows are cut there`,
  }),
  "plan-broken": (p: {file: string; reason: string}) => ({text: `${p.file} is not a plan: ${p.reason}`}),
  "plan-digest": (p: {file: string; written: string; found: string}) => ({
    text: `${p.file} was edited: its digest says ${p.written}, its content ${p.found}`,
    hint: "generated plans are not edited; write engine tags into the file without .generated beside it",
  }),
  "override-unknown": (p: {file: string; what: string; name: string; nearest?: string | undefined; names: readonly string[]}) => ({
    text: `${p.file}: ${p.what} "${p.name}" does not exist`,
    hint: didYouMean(p.nearest) ?? `there are ${list(p.names)}`,
  }),
  "engine-impossible": (p: {file: string; operator: string; engine: string; reason: string}) => ({
    text: `${p.file}: operator "${p.operator}" cannot run on "${p.engine}": ${p.reason}`,
  }),
} as const satisfies WordingTable;
