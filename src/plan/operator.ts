/**
 * A plan: operators as readonly data, joined by names. It prints, compares, hashes and round-trips through YAML; running it
 * is the business of engines and the pipeline. One schema gives the types and checks a plan that is read back.
 */
import {z} from "zod";
import {aggregationOperations} from "../definitions/aggregation-operation.js";

/** `sql`: inside the query. `sql_arrow_udf`: columns through a TypeScript function inside the query. `worker`: outside of it. */
export const engineTags = ["sql", "sql_arrow_udf", "worker"] as const;
export type EngineTag = (typeof engineTags)[number];

/** `pythonic` is the older word for `worker`. */
const engineTag = z.preprocess((tag) => (tag === "pythonic" ? "worker" : tag), z.enum(engineTags));

const base = {name: z.string(), output: z.string(), engine: engineTag};
const names = z.array(z.string()).readonly();
const oneInput = z.tuple([z.string()]).readonly();
const twoInputs = z.tuple([z.string(), z.string()]).readonly();
const microseconds = z.number().int();

/**
 * The rows of a view between two instants, counted from the target day's start (`fromUs`, undefined: from the beginning) to its
 * end, with the columns that the plan uses and no others.
 */
const scan = z.strictObject({
  opKind: z.literal("scan"),
  ...base,
  inputs: z.tuple([]).readonly(),
  view: z.string(),
  columns: names,
  /** The column that the bounds speak of; undefined: every row is read. */
  timeColumn: z.string().optional(),
  fromUs: microseconds.optional(),
});

/** Keeps the rows for which the predicate is true; false and NULL drop. */
const filter = z.strictObject({
  opKind: z.literal("filter"),
  ...base,
  inputs: oneInput,
  predicate: z.discriminatedUnion("kind", [
    z.strictObject({kind: z.literal("values"), column: z.string(), keep: names}),
    z.strictObject({kind: z.literal("sql"), sql: z.string()}),
    z.strictObject({
      kind: z.literal("sessions"),
      column: z.string(),
      eventColumn: z.string(),
      viewEvents: names,
      likeEvents: names,
      dropViewOnly: z.boolean(),
      dropSingleLike: z.boolean(),
    }),
  ]),
});

/**
 * `rows`: numbers the day's rows in their final order. `derive`: adds SQL columns. `output`: the dataset's columns in order,
 * each by name or, when nothing produces it, by its default.
 */
const project = z.strictObject({
  opKind: z.literal("project"),
  ...base,
  inputs: oneInput,
  shape: z.discriminatedUnion("kind", [
    z.strictObject({kind: z.literal("rows"), orderBy: names}),
    z.strictObject({kind: z.literal("derive"), columns: z.array(z.strictObject({name: z.string(), sql: z.string(), type: z.string()})).readonly()}),
    z.strictObject({
      kind: z.literal("output"),
      columns: z
        .array(z.strictObject({name: z.string(), defaultSql: z.string().optional(), type: z.string().optional()}))
        .readonly(),
    }),
  ]),
});

/** `static`: one row a key. `latest`: the newest row, whatever the time. `covered`: keeps left rows whose id an embedding store knows. */
const join = z.strictObject({
  opKind: z.literal("join"),
  ...base,
  inputs: z.array(z.string()).min(1).max(2).readonly(),
  joinKind: z.enum(["static", "latest", "covered"]),
  keys: names,
  fields: names,
  /** `latest` only. */
  timeColumn: z.string().optional(),
  tieBreak: z.array(z.strictObject({column: z.string(), isDescending: z.boolean()})).readonly(),
  onDuplicate: z.enum(["pick", "error"]),
  /** The view of the right side; `covered`: the store. */
  right: z.string(),
});

/** Newest right row that was known before each left row; an equal instant is the future unless the boundary is inclusive. */
const pitJoin = z.strictObject({
  opKind: z.literal("pit_join"),
  ...base,
  inputs: twoInputs,
  right: z.string(),
  keys: names,
  fields: names,
  leftTime: z.string(),
  rightTime: z.string(),
  boundary: z.enum(["strict", "inclusive"]),
  /** When a right row became known; undefined: at `rightTime`. The embargo shifts it later. */
  availableAt: z.string().optional(),
  embargoUs: microseconds,
  /** Age, against the left row's instant, beyond which the newest row counts as unknown. */
  ttlUs: microseconds.optional(),
  /** Right column with the instant at which a row stops being true; NULL: not yet. */
  validTo: z.string().optional(),
  tieBreak: z.array(z.strictObject({column: z.string(), isDescending: z.boolean()})).readonly(),
  onDuplicate: z.enum(["pick", "error"]),
});

const windowSpec = z.strictObject({
  name: z.string(),
  operation: z.enum(aggregationOperations),
  valueColumn: z.string().optional(),
  windowUs: microseconds.optional(),
  condition: z.string().optional(),
  /** The condition mentions `cur.*`, so it is a matter of two rows. */
  isPairCondition: z.boolean(),
  maxItems: z.number().int().optional(),
  /** `decay_sum` only: the age at which a value counts half. */
  halfLifeUs: microseconds.optional(),
  includeCurrent: z.boolean(),
  /** Drops history rows whose column equals the row's own column of that name. */
  excludeColumn: z.string().optional(),
});

/** Adds one column a window to the left rows; all windows of one operator share the keys and the history. */
const rollingAggregate = z.strictObject({
  opKind: z.literal("rolling_aggregate"),
  ...base,
  inputs: twoInputs,
  keys: z.array(z.strictObject({spine: z.string(), history: z.string()})).readonly(),
  leftTime: z.string(),
  historyTime: z.string(),
  availableAt: z.string().optional(),
  embargoUs: microseconds,
  /** Order of history rows within one instant. */
  orderColumns: names,
  windows: z.array(windowSpec).readonly(),
});

const udf = {
  ...base,
  inputs: oneInput,
  udf: z.string(),
  store: z.string(),
  sourceColumn: z.string(),
  column: z.string(),
  dtype: z.string(),
  /** What some functions are told beside the ids. */
  with: z
    .strictObject({
      compression: z.literal("zstd").optional(),
      pool: z.enum(["mean", "max", "sum"]).optional(),
      otherColumn: z.string().optional(),
      recency: z.strictObject({timeColumn: z.string(), rowTimeColumn: z.string(), halfLifeUs: z.number()}).optional(),
    })
    .optional(),
};

/** A function of one row's id: its vector. */
const arrowUdfTransform = z.strictObject({opKind: z.literal("arrow_udf_transform"), ...udf});
/** A function of whole batches of id lists, worth spreading over workers. */
const rayUdfTransform = z.strictObject({opKind: z.literal("ray_udf_transform"), ...udf});

/** Writes the partition of a day. */
const sink = z.strictObject({
  opKind: z.literal("sink"),
  ...base,
  inputs: oneInput,
  dataset: z.enum(["skeleton", "dataset"]),
  columns: names,
});

const operatorSchema = z.discriminatedUnion("opKind", [
  scan,
  filter,
  project,
  join,
  pitJoin,
  rollingAggregate,
  arrowUdfTransform,
  rayUdfTransform,
  sink,
]);

export type Operator = Readonly<z.infer<typeof operatorSchema>>;
export type OpKind = Operator["opKind"];
export type OperatorOf<K extends OpKind> = Extract<Operator, {readonly opKind: K}>;
export type WindowSpec = Readonly<z.infer<typeof windowSpec>>;

export const planSchema = z.strictObject({
  service: z.string(),
  version: z.number(),
  /** Our name of the spine's timestamp column. */
  timeColumn: z.string(),
  operators: z.array(operatorSchema).readonly(),
});

/** Operators in an order in which each finds its inputs made. */
export type Plan = Readonly<z.infer<typeof planSchema>>;
