/**
 * Checked definitions: what the YAML says, as plain readonly data with defaults filled in, constants resolved, durations in
 * microseconds and, wherever a later stage may have to blame a line, its place. The raw YAML shapes are in the `*-schema.ts` files.
 */
import type {AggregationOperation} from "./aggregation-operation.js";
import type {Place} from "../errors.js";
import type {Dtype} from "./dtype.js";

export interface Project {
  /** Absolute folder that relative paths start from. */
  readonly root: string;
  readonly base: BaseConfig;
  readonly runtime: RuntimeConfig;
  readonly aggregations: AggregationConfig;
  readonly views: ReadonlyMap<string, View>;
  readonly services: ReadonlyMap<string, Service>;
}

export interface BaseConfig {
  readonly constants: ReadonlyMap<string, number>;
  readonly columnLists: ReadonlyMap<string, readonly string[]>;
  readonly featureS3RootDir: string | undefined;
}

export interface View {
  readonly name: string;
  readonly entities: readonly string[];
  readonly joinKeys: readonly string[];
  readonly description: string | undefined;
  readonly ttlUs: number | undefined;
  readonly isOnline: boolean;
  readonly source: ViewSource;
  /** Our name of the timestamp column (after `field_mapping`); undefined for a static view. */
  readonly timestampColumn: string | undefined;
  readonly time: TimeRules;
  readonly fields: readonly Field[];
  readonly place: Place;
}

export interface ViewSource {
  readonly name: string | undefined;
  readonly path: string | undefined;
  readonly databasePath: string | undefined;
  readonly tableName: string | undefined;
  readonly query: string | undefined;
  readonly dataPath: string | undefined;
  /** Source column -> our name. */
  readonly fieldMapping: ReadonlyMap<string, string>;
  /** Values still hold `${ENV}`: they are resolved only when a run opens the source. */
  readonly credentials: ReadonlyMap<string, string>;
  /** What says how to reach the source and is no secret; values may hold `${ENV}`. */
  readonly options: ReadonlyMap<string, string>;
  readonly place: Place;
}

export interface TimeRules {
  readonly boundary: "strict" | "inclusive";
  /** Our name of the column that says when a row became known. */
  readonly availableAt: string | undefined;
  /** Our name of the column with the instant at which a row stops being true; NULL there: not yet. */
  readonly validTo: string | undefined;
  readonly embargoUs: number;
  readonly tieBreak: readonly {readonly column: string; readonly isDescending: boolean}[];
  readonly onDuplicate: "pick" | "error";
  readonly join: "pit" | "latest" | "static";
}

export interface Field {
  readonly name: string;
  readonly dtype: Dtype;
  readonly place: Place;
}

export interface Service {
  readonly name: string;
  readonly version: number;
  readonly owner: string | undefined;
  readonly description: string | undefined;
  readonly grain: readonly string[];
  readonly isServing: boolean;
  readonly spine: Spine;
  readonly derived: readonly Derived[];
  readonly filters: readonly RowFilter[];
  /** The dataset's columns in order; undefined when only `output_columns` of runtime.yaml says them. */
  readonly columns: readonly ServiceColumn[] | undefined;
  readonly checks: readonly TableCheck[];
  readonly place: Place;
}

export interface Spine {
  readonly view: string;
  readonly events: {readonly column: string; readonly keep: readonly string[]} | undefined;
  /** Days before the target day that are read; undefined: as far as the longest window needs. */
  readonly lookbackDays: number | undefined;
  readonly keys: readonly string[];
  readonly itemKey: string | undefined;
  readonly sessionFilter: SessionFilter | undefined;
  readonly coverageFilter: {readonly store: string; readonly idColumn: string; readonly place: Place} | undefined;
  readonly place: Place;
}

export interface SessionFilter {
  readonly column: string;
  readonly eventColumn: string;
  readonly viewEvents: readonly string[];
  readonly likeEvents: readonly string[];
  readonly dropViewOnly: boolean;
  readonly dropSingleLike: boolean;
}

export interface Derived {
  readonly name: string;
  readonly dtype: Dtype;
  readonly sql: string;
  readonly place: Place;
}

export interface RowFilter {
  readonly name: string;
  readonly sql: string;
  readonly place: Place;
}

export type ColumnKind = "key" | "event" | "feature" | "aggregation" | "enrichment" | "derived";

export interface ServiceColumn {
  readonly name: string;
  readonly kind: ColumnKind | undefined;
  readonly dtype: Dtype | undefined;
  /** SQL literal or expression that fills the column when nothing produces it. */
  readonly defaultSql: string | undefined;
  readonly isNullable: boolean;
  readonly checks: readonly ColumnCheck[];
  readonly place: Place;
}

export type CheckSeverity = "error" | "warn";

/** One check of one column; `kind` says which of the values is meant. */
export type ColumnCheck = {readonly severity: CheckSeverity; readonly place: Place} & (
  | {readonly kind: "not_null"}
  | {readonly kind: "unique"}
  | {readonly kind: "range"; readonly min: number | undefined; readonly max: number | undefined}
  | {readonly kind: "accepted_values"; readonly values: readonly (string | number | boolean)[]}
  | {readonly kind: "max_null_fraction"; readonly fraction: number}
  | {readonly kind: "embedding_coverage"; readonly fraction: number}
  | {readonly kind: "drift"; readonly againstDay: string; readonly maxPsi: number; readonly buckets: number}
);

export type TableCheck = {readonly severity: CheckSeverity; readonly place: Place} & (
  | {readonly kind: "min_rows"; readonly rows: number}
  | {readonly kind: "unique"; readonly columns: readonly string[]}
  /** `againstDay` undefined: the newest day before that is published. */
  | {readonly kind: "row_count_change"; readonly maxFraction: number; readonly againstDay: string | undefined}
);

export interface RuntimeConfig {
  readonly dataRoot: string | undefined;
  /** `YYYYMM`, both inclusive. */
  readonly feedStart: string | undefined;
  readonly feedEnd: string | undefined;
  readonly entitySpineChunkRows: number;
  readonly dayWorkers: number;
  readonly compute: {readonly engine: string; readonly duckdbConfig: ReadonlyMap<string, string>; readonly place: Place | undefined};
  /** A folder, or a prefix of a bucket. */
  readonly outputRoot: string;
  readonly outputStore: OutputStore;
  readonly outputLake: OutputLake | undefined;
  /** Undefined: every view is loaded. */
  readonly featureRefs: readonly FeatureRef[] | undefined;
  readonly outputColumns: readonly OutputColumn[] | undefined;
}

/** How the bucket of the output is reached; values may hold `${ENV}`. */
export interface OutputStore {
  readonly options: ReadonlyMap<string, string>;
  readonly credentials: ReadonlyMap<string, string>;
  readonly place: Place | undefined;
}

/** A DuckLake that takes the datasets as well; values may hold `${ENV}`. */
export interface OutputLake extends OutputStore {
  readonly databasePath: string;
  readonly dataPath: string | undefined;
  readonly schema: string;
}

export interface FeatureRef {
  readonly view: string;
  readonly column: string;
  readonly place: Place;
}

export interface OutputColumn {
  readonly name: string;
  readonly defaultSql: string | undefined;
  readonly place: Place;
}

export interface AggregationConfig {
  readonly specs: readonly AggregationSpec[];
  readonly enrichments: readonly EnrichmentSpec[];
  readonly stores: ReadonlyMap<string, EmbeddingStore>;
  readonly udfs: ReadonlyMap<string, Udf>;
}

export interface AggregationSpec {
  readonly name: string;
  /** View whose rows are the history; undefined: the spine. */
  readonly history: string | undefined;
  readonly groupBy: readonly {readonly spine: string; readonly history: string}[];
  /** Undefined only for operations that are about rows: `count`, `time_since_last`, `decay_sum`. */
  readonly valueColumn: string | undefined;
  readonly operation: AggregationOperation;
  readonly timestampColumn: string | undefined;
  readonly includeCurrent: boolean;
  /** Undefined: all history. */
  readonly windowUs: number | undefined;
  readonly condition: string | undefined;
  /** Where the condition is written, or the name of a spec that has none. */
  readonly conditionPlace: Place;
  /** Of lists; undefined: no limit. */
  readonly maxItems: number | undefined;
  /** Of `decay_sum` alone. */
  readonly halfLifeUs: number | undefined;
  /** `true`: the value column (list-valued: the item key); a string: that column. */
  readonly excludeSelf: boolean | string;
  readonly place: Place;
}

export interface EnrichmentSpec {
  readonly name: string;
  readonly sourceIdColumn: string;
  readonly storeName: string;
  readonly udfName: string;
  /** Of the column's pages in the file; undefined: none. */
  readonly compression?: "zstd" | undefined;
  /** How functions that take an id or a list make one vector of a list; undefined: `mean`. */
  readonly pool: "mean" | "max" | "sum" | undefined;
  /** Of `dot` and `cosine`. */
  readonly otherIdColumn: string | undefined;
  /** Of `weighted_pool`. */
  readonly recency: {readonly timeColumn: string; readonly halfLifeUs: number} | undefined;
  readonly place: Place;
}

export interface EmbeddingStore {
  readonly name: string;
  readonly type: "lance";
  readonly path: string;
  readonly idColumn: string;
  readonly embeddingColumn: string;
  readonly embeddingDim: number;
  readonly embeddingDtype: "float16" | "float32";
  readonly buildBatchSize: number;
  readonly sourceParquet: string | undefined;
  /** Column of the source: of rows with one id, that with the greatest value is taken. */
  readonly orderColumn?: string | undefined;
  /** How near two vectors are, for a vector index; undefined: there is none. */
  readonly vectorIndex?: "cosine" | "l2" | "dot" | undefined;
  readonly place: Place;
}

export interface Udf {
  readonly name: string;
  readonly module: string;
  readonly place: Place;
}
