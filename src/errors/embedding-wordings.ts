/** Embedding stores, the functions over them, and the files that embeddings are added to. */
import {didYouMean, list, type WordingTable} from "./wording.js";

export const embeddingWordings = {
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
  "store-ids-duplicate": (p: {store: string; count: number; examples: readonly string[]; orderColumn?: string | undefined}) => ({
    text: `embedding store "${p.store}": ${p.count === 1 ? "one id occurs" : `${p.count} ids occur`} more than once${p.orderColumn === undefined ? "" : ` with the greatest "${p.orderColumn}"`}, such as ${p.examples.join(", ")}`,
    hint:
      p.orderColumn === undefined
        ? 'an id has one vector: make the ids of the source unique, or say by "order_column" which row is the newest, and build the store again'
        : "make the newest row of an id unique, and build the store again",
  }),
  "store-unnamed": (p: {stores: readonly string[]}) => ({
    text: p.stores.length === 0 ? "the project has no embedding store" : `the project has several embedding stores: ${list(p.stores)}`,
    hint: p.stores.length === 0 ? "declare it under embedding_stores" : "name one of them",
  }),
  "store-id-unknown": (p: {store: string; id: string; idType: string}) => ({text: `embedding store "${p.store}" has no id ${p.id}`, hint: `its ids are ${p.idType}`}),
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
    text: `embedding store "${p.store}" cannot be built: vectors that ${p.problem}: ${p.count}, such as of id ${p.examples.join(", ")}`,
  }),
  "store-build-failed": (p: {store: string; reason: string}) => ({text: `embedding store "${p.store}" was not built: ${p.reason}`}),
  "udf-missing": (p: {udf: string; path: string; nearest?: string | undefined; exported: readonly string[]}) => ({
    text: `${p.path} exports no function "${p.udf}"`,
    hint: didYouMean(p.nearest) ?? (p.exported.length === 0 ? `write: export function ${p.udf}(batch) { ... }` : `it exports ${list(p.exported)}`),
  }),
  "udf-broken": (p: {udf: string; path: string; reason: string}) => ({text: `the module of udf "${p.udf}" does not load: ${p.path}: ${p.reason}`}),
  "udf-failed": (p: {udf: string; store: string; file: string; rowStart: number; rowEnd: number; ids: readonly string[]; reason: string}) => ({
    text:
      p.rowEnd - p.rowStart === 1
        ? `udf "${p.udf}" failed on row ${p.rowStart} of ${p.file}, with ${p.ids.length === 0 ? "no ids" : `ids such as ${p.ids.join(", ")}`} of store "${p.store}": ${p.reason}`
        : `udf "${p.udf}" failed on rows ${p.rowStart} to ${p.rowEnd - 1} of ${p.file}, but on none of them alone, with vectors of store "${p.store}": ${p.reason}`,
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
  "enrich-time-type": (p: {column: string; found: string; expected: string}) => ({
    text: `column "${p.column}" is ${p.found}, not ${p.expected}: weighted_pool cannot tell how old the ids are`,
  }),
  "enrich-times": (p: {column: string; sourceColumn: string; file: string; row: number; idCount: number; timeCount: number}) => ({
    text: `row ${p.row} of ${p.file}: "${p.sourceColumn}" holds ${p.idCount} ids, but "${p.column}" ${p.timeCount} instants`,
    hint: "make both with aggregations that differ in nothing but the value_column",
  }),
  "enrich-time-ahead": (p: {column: string; file: string; row: number}) => ({
    text: `row ${p.row} of ${p.file}: "${p.column}" holds an instant after the row's own, which is the future`,
  }),
  "embedding-overflow": (p: {column: string; row: number; value: number}) => ({
    text: `column "${p.column}", row ${p.row}: ${p.value} is too large for HALF_FLOAT`,
    hint: "declare the column as FLOAT[n]",
  }),
  "parquet-column-missing": (p: {path: string; column: string; columns: readonly string[]}) => ({
    text: `${p.path} has no column "${p.column}"`,
    hint: `its columns are ${list(p.columns)}`,
  }),
} as const satisfies WordingTable;
