/** Every expected error of Daedalus: a code, its typed facts, the text made of them, a place in a file and a hint. */

/** A range in a text file; line and column are one-based. `text` is the whole line, kept so that the excerpt needs no re-reading. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly text: string;
}

interface Wording {
  readonly text: string;
  readonly hint?: string | undefined;
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
const didYouMean = (nearest: string | undefined): string | undefined =>
  nearest === undefined ? undefined : `did you mean "${nearest}"?`;

/** Code -> facts -> wording. A message cannot be raised without its facts. Documented in docs/reference/errors.md. */
export const wordings = {
  "file-missing": (p: {path: string; what: string; hint?: string}) => ({text: `${p.what} not found: ${p.path}`, hint: p.hint}),
  "file-unreadable": (p: {path: string; reason: string}) => ({text: `cannot read ${p.path}: ${p.reason}`}),
  "yaml-broken": (p: {reason: string}) => ({text: `the YAML is broken: ${p.reason}`}),
  "key-unknown": (p: {key: string; nearest?: string; allowed: readonly string[]}) => ({
    text: `unknown key "${p.key}"`,
    hint: didYouMean(p.nearest) ?? `the keys here are ${list(p.allowed)}`,
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
  "reference-unknown": (p: {what: string; name: string; nearest?: string; hint?: string}) => ({
    text: `${p.what} "${p.name}" does not exist`,
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
  "setting-without-effect": (p: {key: string; reason: string}) => ({text: `"${p.key}" has no effect: ${p.reason}`}),
  // The command line and its settings.
  "toml-broken": (p: {reason: string}) => ({text: `the TOML is broken: ${p.reason}`}),
  "file-exists": (p: {path: string; what: string; hint: string}) => ({text: `${p.what} is already there: ${p.path}`, hint: p.hint}),
  "file-unwritable": (p: {path: string; reason: string}) => ({text: `cannot write ${p.path}: ${p.reason}`}),
  "folder-foreign": (p: {path: string; what: string}) => ({
    text: `${p.path} holds something else than ${p.what}, so nothing was written`,
    hint: "name a folder that is empty or does not exist yet",
  }),
  // Embedding stores, and the functions over them.
  "store-missing": (p: {store: string; path: string; tables: readonly string[]}) => ({
    text: p.tables.length === 0 ? `embedding store "${p.store}" is not built: there is no Lance table at ${p.path}` : `${p.path} holds several Lance tables: ${list(p.tables)}`,
    hint: p.tables.length === 0 ? `run: daeda embeddings build ${p.store}` : `name one of them in "path", or call it "${p.store}.lance"`,
  }),
  "store-unreadable": (p: {store: string; path: string; reason: string}) => ({
    text: `cannot read embedding store "${p.store}" at ${p.path}: ${p.reason}`,
    hint: `build it again: daeda embeddings build ${p.store}`,
  }),
  "store-column-missing": (p: {store: string; column: string; columns: readonly string[]}) => ({
    text: `embedding store "${p.store}" has no column "${p.column}"`,
    hint: `its columns are ${list(p.columns)}`,
  }),
  "store-mismatch": (p: {store: string; column: string; expected: string; found: string}) => ({
    text: `column "${p.column}" of embedding store "${p.store}" is declared as ${p.expected}, but is ${p.found}`,
    hint: `correct the definition, or build the store again: daeda embeddings build ${p.store}`,
  }),
  "store-ids-duplicate": (p: {store: string; count: number; examples: readonly string[]}) => ({
    text: `embedding store "${p.store}": ${p.count === 1 ? "one id occurs" : `${p.count} ids occur`} more than once, such as ${p.examples.join(", ")}`,
    hint: "an id has one vector: make the ids of the source unique and build the store again",
  }),
  "store-source-missing": (p: {store: string}) => ({
    text: `embedding store "${p.store}" does not say what it is built from`,
    hint: 'set "source_parquet" to a file, a folder or a glob',
  }),
  "store-source-empty": (p: {store: string; path: string}) => ({text: `embedding store "${p.store}" cannot be built: ${p.path} has no rows`}),
  "store-source-column": (p: {store: string; path: string; column: string; nearest?: string | undefined; columns: readonly string[]}) => ({
    text: `embedding store "${p.store}" cannot be built: ${p.path} has no column "${p.column}"`,
    hint: didYouMean(p.nearest) ?? `its columns are ${list(p.columns)}`,
  }),
  "store-source-type": (p: {store: string; path: string; column: string; expected: string; found: string}) => ({
    text: `embedding store "${p.store}" cannot be built: column "${p.column}" of ${p.path} is ${p.found}, not ${p.expected}`,
  }),
  "store-source-ids-null": (p: {store: string; count: number}) => ({
    text: `embedding store "${p.store}" cannot be built: ${p.count} ${p.count === 1 ? "row has" : "rows have"} no id`,
  }),
  "store-source-vectors": (p: {store: string; count: number; examples: readonly string[]; problem: string}) => ({
    text: `embedding store "${p.store}" cannot be built: ${p.count} ${p.count === 1 ? "vector" : "vectors"} ${p.problem}, such as of id ${p.examples.join(", ")}`,
  }),
  "store-build-failed": (p: {store: string; reason: string}) => ({text: `embedding store "${p.store}" was not built: ${p.reason}`}),
  "udf-missing": (p: {udf: string; path: string; nearest?: string | undefined; exported: readonly string[]}) => ({
    text: `${p.path} exports no function "${p.udf}"`,
    hint: didYouMean(p.nearest) ?? (p.exported.length === 0 ? `write: export function ${p.udf}(batch) { ... }` : `it exports ${list(p.exported)}`),
  }),
  "udf-broken": (p: {udf: string; path: string; reason: string}) => ({text: `the module of udf "${p.udf}" does not load: ${p.path}: ${p.reason}`}),
  "udf-failed": (p: {udf: string; store: string; file: string; rowStart: number; rowEnd: number; reason: string}) => ({
    text: `udf "${p.udf}" failed on rows ${p.rowStart} to ${p.rowEnd - 1} of ${p.file}, with vectors of store "${p.store}": ${p.reason}`,
  }),
  "udf-result": (p: {udf: string; store: string; file: string; rowStart: number; rowEnd: number; rowCount: number; dimension: number}) => ({
    text: `udf "${p.udf}" returned something else than vectors for rows ${p.rowStart} to ${p.rowEnd - 1} of ${p.file}, with vectors of store "${p.store}"`,
    hint: `return {values, isNull}: a Float32Array of ${p.rowCount} x ${p.dimension} numbers and a Uint8Array of ${p.rowCount}`,
  }),
  "enrich-dimension": (p: {column: string; declared: number; store: string; found: number}) => ({
    text: `column "${p.column}" is declared with ${p.declared} dimensions, but embedding store "${p.store}" has ${p.found}`,
  }),
  "enrich-shape": (p: {column: string; sourceColumn: string; udf: string; takes: "id" | "list"}) => ({
    text: `column "${p.column}": ${p.udf} takes ${p.takes === "list" ? "a list of ids" : "one id"}, but "${p.sourceColumn}" is ${p.takes === "list" ? "no list" : "a list"}`,
  }),
  "enrich-id-type": (p: {column: string; store: string; found: string; expected: string}) => ({
    text: `column "${p.column}" is ${p.found}, but the ids of embedding store "${p.store}" are ${p.expected}`,
  }),
  "embedding-overflow": (p: {column: string; row: number; value: number}) => ({
    text: `column "${p.column}", row ${p.row}: ${p.value} is too large for HALF_FLOAT`,
    hint: "declare the column as FLOAT[n]",
  }),
  // Parquet files that the pipeline rewrites.
  "parquet-column-missing": (p: {path: string; column: string; columns: readonly string[]}) => ({
    text: `${p.path} has no column "${p.column}"`,
    hint: `its columns are ${list(p.columns)}`,
  }),
  // plan
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
  "aggregation-overflow": (p: {spec: string}) => ({
    text: `a sum of aggregation "${p.spec}" is beyond BIGINT`,
    hint: "cast the value column to DOUBLE in the view's query, or make the window shorter",
  }),
  "aggregation-value": (p: {spec: string; operation: string; column: string; expected: string; dtype: string}) => ({
    text: `aggregation "${p.spec}" (${p.operation}) needs ${p.expected}, but "${p.column}" is ${p.dtype}`,
    hint: p.expected === "a list" ? '"distinct_list" takes single values' : p.dtype.endsWith("[]") ? '"flatten_distinct" takes lists apart, "count" counts them' : '"count_distinct" and "top_k" take values that are no numbers',
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
  // sources and engines
  "environment-missing": (p: {variable: string; view: string}) => ({
    text: `view "${p.view}" needs the environment variable ${p.variable}, which is not set`,
  }),
  "source-unsupported": (p: {view: string; scheme: string}) => ({
    text: `view "${p.view}" is read from "${p.scheme}", which this version does not read`,
    hint: "docs/guides/sources.md says what is read; export it to parquet",
  }),
  "source-missing": (p: {view: string; path: string; tried: readonly string[]}) => ({
    text: `view "${p.view}" has no parquet files at ${p.path}`,
    hint: `looked in ${p.tried.join(" and ")}`,
  }),
  "extension-missing": (p: {extension: string; reason: string}) => ({
    text: `the DuckDB extension "${p.extension}" is not there and could not be had: ${p.reason}`,
    hint: `daeda extensions install ${p.extension}, which also takes Python wheels, or with --offline <folder> files that you bring`,
  }),
  "secret-file-unreadable": (p: {path: string; view: string; reason: string}) => ({
    text: `view "${p.view}" needs the secret in ${p.path}, which cannot be read: ${p.reason}`,
    hint: "mount the file where the run can read it",
  }),
  "source-option": (p: {view: string; key: string; kind: string; allowed: readonly string[]}) => ({
    text: `"${p.key}" of view "${p.view}" is nothing that ${p.kind} takes`,
    hint: p.allowed.length === 0 ? "remove it" : `it takes ${list(p.allowed)}`,
  }),
  "source-unreachable": (p: {view: string; reason: string}) => ({
    text: `the source of view "${p.view}" does not answer: ${p.reason}`,
    hint: "check host, port and network",
  }),
  "source-denied": (p: {view: string; reason: string}) => ({
    text: `the source of view "${p.view}" refuses: ${p.reason}`,
    hint: "check user, password or keys, and what they may read",
  }),
  "source-snapshot-missing": (p: {view: string; wanted: string; oldest: number; newest: number}) => ({
    text: `the lake of view "${p.view}" has no snapshot ${p.wanted}`,
    hint: `it may have expired: there are snapshots ${p.oldest} to ${p.newest}`,
  }),
  "source-lost": (p: {day: string; attempts: number; reason: string}) => ({
    text: `a source was lost ${p.attempts} times while ${p.day} was made: ${p.reason}`,
    hint: "the day was not published; run again when the source is back",
  }),
  "source-unreadable": (p: {view: string; reason: string}) => ({text: `the source of view "${p.view}" cannot be read: ${p.reason}`}),
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
  // pipeline
  "partition-locked": (p: {what: string; path: string; pid: number; host: string}) => ({
    text: `${p.what} is being written by process ${p.pid} on ${p.host}`,
    hint: `wait for it to end; if it runs no more, remove ${p.path}`,
  }),
  "disk-full": (p: {path: string; reason: string}) => ({
    text: `no space left while writing ${p.path}: ${p.reason}`,
    hint: "free space, or set output_root and duckdb_config.temp_directory to a larger disk; finished days are kept",
  }),
  "operator-failed": (p: {operator: string; reason: string}) => ({text: `operator "${p.operator}" failed: ${p.reason}`}),
  "engine-unknown": (p: {engine: string; nearest?: string | undefined; engines: readonly string[]}) => ({
    text: `there is no aggregation engine "${p.engine}"`,
    hint: didYouMean(p.nearest) ?? `there are ${list(p.engines)}`,
  }),
  "day-wrong": (p: {day: string}) => ({text: `"${p.day}" is not a day`, hint: "write it as YYYY-MM-DD"}),
  "day-empty": (p: {day: string; view: string; nearest: readonly string[]}) => ({
    text: `view "${p.view}" has no rows on ${p.day}`,
    hint: p.nearest.length > 0 ? `days with rows nearby: ${p.nearest.join(", ")}` : undefined,
  }),
  "range-wrong": (p: {firstDay: string; lastDay: string}) => ({text: `the days end on ${p.lastDay}, before they begin on ${p.firstDay}`}),
  "range-empty": (p: {firstDay: string; lastDay: string; view: string}) => ({text: `view "${p.view}" has no rows from ${p.firstDay} to ${p.lastDay}`}),
  "months-empty": (p: {first: string; last: string; view: string}) => ({
    text: `view "${p.view}" has no rows in the months ${p.first} to ${p.last}`,
    hint: 'set "feed_start" and "feed_end" of runtime.yaml to months with data',
  }),
  "month-empty": (p: {month: string; view: string}) => ({text: `view "${p.view}" has no rows in the month ${p.month}`}),
  "months-missing": (p: {key: string}) => ({
    text: `which days to train is not said: "${p.key}" is missing`,
    hint: 'set "feed_start" and "feed_end" (YYYYMM) in runtime.yaml, or name a day with --target-date',
  }),
  "skeleton-missing": (p: {service: string; day: string}) => ({
    text: `there is no skeleton of "${p.service}" for ${p.day} to enrich`,
    hint: "run without --enrich-only, or with --skeleton-only first",
  }),
  "skeleton-stale": (p: {service: string; day: string; reason: string}) => ({
    text: `the skeleton of "${p.service}" for ${p.day} is not current: ${p.reason}`,
    hint: "run without --enrich-only",
  }),
  "checks-failed": (p: {service: string; day: string; failed: readonly string[]; staged: string}) => ({
    text: `${p.service} ${p.day} failed its checks: ${p.failed.join("; ")}`,
    hint: `the partition was not published; what was computed is in ${p.staged}`,
  }),
  "partition-missing": (p: {service: string; stage: string; day: string; nearest: readonly string[]}) => ({
    text: `the ${p.stage} of service "${p.service}" has no day ${p.day}`,
    hint: p.nearest.length > 0 ? `published days nearby: ${p.nearest.join(", ")}` : `no day is published: daeda pipeline train ${p.service}`,
  }),
  "profile-column-missing": (p: {path: string; column: string; nearest?: string | undefined; columns: readonly string[]}) => ({
    text: `${p.path} has no column "${p.column}"`,
    hint: didYouMean(p.nearest) ?? `its columns are ${list(p.columns)}`,
  }),
  "check-impossible": (p: {check: string; column: string; type: string; expected: string}) => ({
    text: `"${p.check}" checks ${p.expected}, but column "${p.column}" is ${p.type}`,
    hint: "remove the check, or check another column",
  }),
  "source-changed": (p: {view: string; file: string; day: string}) => ({
    text: `a file of view "${p.view}" changed while ${p.day} was read: ${p.file}`,
    hint: "run again when nothing writes to it; the day was not published",
  }),
  "output-unwritable": (p: {path: string; reason: string}) => ({text: `cannot write to ${p.path}: ${p.reason}`}),
  // audit and explain
  "audit-empty-mapping": (p: {path: string}) => ({
    text: `nothing says what the columns of ${p.path} should hold`,
    hint: "name a service with --service, or columns with --column name=view.field or --column name=aggregation",
  }),
  "flag-wrong": (p: {flag: string; value: string; expected: string}) => ({text: `--${p.flag} ${p.value} does not fit`, hint: `write ${p.expected}`}),
  "audit-definition-unknown": (p: {column: string; definition: string; nearest?: string | undefined}) => ({
    text: `--column ${p.column}=${p.definition}: there is no such definition`,
    hint: didYouMean(p.nearest) ?? "write view.field, or the name of an aggregation or derived column",
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
  // Runs on other machines.
  "ray-unreachable": (p: {address: string; reason: string}) => ({
    text: `Ray does not answer at ${p.address}: ${p.reason}`,
    hint: "name the address of its dashboard with --ray-address; days that are finished are kept",
  }),
  "ray-refused": (p: {address: string; reason: string}) => ({text: `Ray at ${p.address} cannot do this: ${p.reason}`}),
  "ray-too-small": (p: {address: string; cpus: number; memoryGib: number; nodes: readonly string[]}) => ({
    text: `no node of the Ray cluster at ${p.address} has ${p.cpus} CPUs and ${p.memoryGib.toFixed(1)} GiB`,
    hint: `its nodes have ${p.nodes.join("; ")}: ask for less with --ray-num-cpus and --ray-memory`,
  }),
  "remote-day-failed": (p: {day: string; where: string; reason: string; attempts: number}) => ({
    text: `${p.day} was not made by ${p.where}${p.attempts > 1 ? `, nor by ${p.attempts - 1} before` : ""}: ${p.reason}`,
    hint: "finished days are kept; run the same command again to go on",
  }),
  // runs
  "run-unknown": (p: {run: string}) => ({text: `there is no run "${p.run}"`, hint: "`daeda runs list` names them all"}),
  "run-finished": (p: {run: string; status: string}) => ({text: `run ${p.run} has ${p.status === "cancelled" ? "been cancelled" : p.status} already`}),
  "run-failed": (p: {reason: string; code?: string | undefined}) => ({text: p.reason, hint: "the run's log has the rest: daeda runs logs RUN"}),
  "run-lost": (p: {pid: number}) => ({
    text: `the run's process ${p.pid} ended without a word`,
    hint: "it was killed, or its machine went down; finished days are kept, so start it again",
  }),
  "queue-full": (p: {limit: number}) => ({text: `${p.limit} runs are waiting already, and no more may`, hint: "wait for some to end, cancel some, or raise DAEDALUS_QUEUE_MAX"}),
  "idempotency-conflict": (p: {run: string}) => ({
    text: `run ${p.run} was asked for with the same idempotency key, for something else`,
    hint: "use a new key for a new run",
  }),
  interrupted: (_p: Record<string, never>) => ({text: "interrupted", hint: "finished days are kept; run the same command again to go on"}),
} as const satisfies Record<string, (p: never) => Wording>;

export type ErrorCode = keyof typeof wordings;
export type ErrorFacts<C extends ErrorCode> = Parameters<(typeof wordings)[C]>[0];
export type Severity = "error" | "warning";

export interface ErrorOptions {
  readonly place?: Place | undefined;
  readonly severity?: Severity;
  readonly cause?: unknown;
}

/** An error that is the user's to fix. Bugs are plain `Error`s. */
export class DaedalusError extends Error {
  override readonly name = "DaedalusError";

  private constructor(
    readonly code: ErrorCode,
    readonly facts: Readonly<Record<string, unknown>>,
    text: string,
    readonly hint: string | undefined,
    readonly place: Place | undefined,
    readonly severity: Severity,
    cause: unknown,
  ) {
    super(text, cause === undefined ? undefined : {cause});
  }

  static of<C extends ErrorCode>(code: C, facts: ErrorFacts<C>, options: ErrorOptions = {}): DaedalusError {
    const wording = (wordings[code] as unknown as (facts: ErrorFacts<C>) => Wording)(facts);
    return new DaedalusError(
      code,
      facts,
      wording.text,
      wording.hint,
      options.place,
      options.severity ?? "error",
      options.cause,
    );
  }
}

/** Several problems found together, in the order in which they stand in the files. */
export class ProblemsError extends Error {
  override readonly name = "ProblemsError";
  constructor(readonly problems: readonly DaedalusError[]) {
    super(problems.map((problem) => problem.message).join("\n"));
  }
}

/** Collects problems so that one run shows all of them; `throwIfErrors` ends the collecting. */
export class Problems {
  readonly all: DaedalusError[] = [];

  add<C extends ErrorCode>(code: C, facts: ErrorFacts<C>, place?: Place, severity: Severity = "error"): void {
    this.all.push(DaedalusError.of(code, facts, {place, severity}));
  }

  get hasErrors(): boolean {
    return this.all.some((problem) => problem.severity === "error");
  }

  throwIfErrors(): void {
    if (this.hasErrors) throw new ProblemsError(this.all);
  }
}

/** The text of one problem: `file:line:column: error code: text`, the excerpt, the hint. */
export function renderProblem(problem: DaedalusError): string {
  const {place} = problem;
  const head = `${problem.severity} ${problem.code}: ${problem.message}`;
  const lines = [place ? `${place.file}:${place.line}:${place.column}: ${head}` : head];
  if (place) {
    const number = String(place.line).padStart(4);
    lines.push(`${number} | ${place.text}`);
    lines.push(`${" ".repeat(number.length)} | ${" ".repeat(place.column - 1)}${"^".repeat(Math.max(1, place.length))}`);
  }
  if (problem.hint !== undefined) lines.push(`  hint: ${problem.hint}`);
  return lines.join("\n");
}
