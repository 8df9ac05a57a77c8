/** Audits of datasets. */
import {z} from "zod";
import {flag, mapping} from "../../definitions/schema-parts.js";
import {wholeNumber, word, words, type Immutable, type MethodSchema} from "./method-schema.js";

const auditParams = mapping({
  path: word.describe("A parquet file, a partition, a folder of partitions, or a folder or glob of parquet files; relative to the project."),
  service: word.optional().describe("The service whose columns they are; default: what the manifests say."),
  spine_keys: words.optional().describe("`key`, or `key=column` where the file calls it otherwise; default: the spine's keys."),
  time: word.optional().describe("The column with the instant of a row; default: the spine's."),
  columns: words.optional().describe("`column=view.field`, `column=aggregation`, or a column of the service; default: all that are known."),
  sample: wholeNumber({min: 1, max: 1_000_000_000}).optional().describe("How many rows to check; default: 1000."),
  seed: wholeNumber({min: 0, max: Number.MAX_SAFE_INTEGER}).optional().describe("Which rows: the same seed takes the same ones; default: 1."),
  full: flag.optional().describe("Every row, whatever `sample` says."),
});

export type AuditParams = Immutable<z.infer<typeof auditParams>>;

const value = z.string().nullable();

const auditAnswer = z.strictObject({
  path: z.string(),
  service: z.string().nullable(),
  passed: z.boolean(),
  rows: z.number(),
  rows_checked: z.number(),
  seed: z.number().nullable().describe("Null when every row was checked."),
  columns: z.array(
    z.strictObject({
      name: z.string(),
      definition: z.string(),
      status: z.enum(["ok", "leak", "mismatch", "risk"]),
      rows_checked: z.number(),
      mismatches: z.number(),
      examined: z.number().describe("Mismatches that were looked into; fewer where there are very many."),
      used_future: z.number(),
      worst_lead_us: z.number().nullable().describe("Microseconds after the row's instant at which the earliest row that explains its value became known."),
      explanations: z.array(z.strictObject({text: z.string(), rows: z.number(), uses_future: z.boolean()})),
      examples: z.array(z.strictObject({row: z.record(z.string(), value), stored: value, expected: value, explanation: z.string()})),
    }),
  ),
  not_audited: z.array(z.strictObject({name: z.string(), reason: z.string()})),
  notes: z.array(z.string()),
  contradictions: z.array(z.string()),
});

export type AuditAnswer = Immutable<z.infer<typeof auditAnswer>>;

export const auditSchemas = {
  "audit.run": {
    description: "Derives the columns of a dataset again by another path, and finds what used the future. Changes nothing.",
    params: auditParams,
    result: auditAnswer,
    // It shows values of rows, and can take minutes.
    scope: "run",
    isReadOnly: true,
    isDestructive: false,
    isHeavy: true,
    paths: ["path"],
  },
} as const satisfies Record<string, MethodSchema>;
