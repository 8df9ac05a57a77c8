/** Where columns come from, and what is published. */
import {z} from "zod";
import {day, mapping, oneOf} from "../../definitions/schema-parts.js";
import {manifestSchema} from "../../pipeline/manifest.js";
import {nextCursor, optionalService, outputRoot, pageLimit, word, words, type Immutable, type MethodSchema} from "./method-schema.js";

const lineageParams = mapping({service: optionalService, columns: words.optional().describe("These columns only; default: all of the dataset.")});

const assetKind = z.enum(["view", "embedding_store", "skeleton", "dataset"]);

const lineageAnswer = z.strictObject({
  service: z.string(),
  assets: z.array(z.strictObject({id: z.string().describe("`view:orders`"), kind: assetKind, name: z.string()})),
  edges: z.array(z.strictObject({from: z.string(), to: z.string()})).describe("Ids of assets: what the one is made from, and the other."),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      sources: z.array(z.strictObject({view: z.string(), column: z.string()})).describe("Columns of views that decide its value, keys and instants included."),
      stores: z.array(z.string()).describe("Embedding stores."),
      operators: z.array(z.string()).describe("Operators of the plan that it goes through, in their order."),
    }),
  ),
});

export type LineageAnswer = Immutable<z.infer<typeof lineageAnswer>>;

const stage = oneOf(["skeleton", "dataset"]).optional().describe("Which partition of a day; default: `dataset`.");

const listPartitionsParams = mapping({
  service: optionalService,
  stage,
  output_root: outputRoot,
  limit: pageLimit.describe("How many at most; default: 1000."),
  cursor: word.optional().describe("`next_cursor` of the page before."),
});

export type ListPartitionsParams = Immutable<z.infer<typeof listPartitionsParams>>;

const partitionPage = z.strictObject({
  service: z.string(),
  stage: z.enum(["skeleton", "dataset"]),
  directory: z.string(),
  partitions: z.array(
    z.strictObject({
      day: z.string(),
      rows: z.number().nullable(),
      bytes: z.number().nullable(),
      written_at: z.string().nullable(),
      warnings: z.array(z.strictObject({check: z.string(), found: z.string()})),
      problem: z.string().nullable().describe("Why its manifest is not believed; such a partition counts as missing."),
    }),
  ),
  next_cursor: nextCursor,
});

export type PartitionPage = Immutable<z.infer<typeof partitionPage>>;

const showPartitionParams = mapping({service: optionalService, day: day.describe("The day, `YYYY-MM-DD`."), stage, output_root: outputRoot});

export type ShowPartitionParams = Immutable<z.infer<typeof showPartitionParams>>;

const partitionAnswer = z.strictObject({service: z.string(), stage: z.enum(["skeleton", "dataset"]), day: z.string(), directory: z.string(), manifest: manifestSchema});

export type PartitionAnswer = Immutable<z.infer<typeof partitionAnswer>>;

const looks = {scope: "read", isReadOnly: true, isDestructive: false} as const;

export const assetSchemas = {
  "assets.lineage": {
    ...looks,
    isHeavy: false,
    paths: [],
    description: "Which views and embedding stores a service's dataset is made from, as a whole and column by column.",
    params: lineageParams,
    result: lineageAnswer,
  },
  "partitions.list": {
    ...looks,
    isHeavy: true,
    paths: ["output_root"],
    description: "The published days of a service, newest first, with rows and bytes.",
    params: listPartitionsParams,
    result: partitionPage,
  },
  "partitions.show": {
    ...looks,
    isHeavy: false,
    paths: ["output_root"],
    description: "The manifest of one published day: what made it, from what, what is in it, and what its checks found.",
    params: showPartitionParams,
    result: partitionAnswer,
  },
} as const satisfies Record<string, MethodSchema>;
