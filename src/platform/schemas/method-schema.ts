/**
 * The pieces that schemas of methods are made of. As in the schemas of the YAML, a message is not a sentence but the expected
 * thing: check-params.ts makes the sentences.
 */
import {z} from "zod";
import {flag, mapping} from "../../definitions/schema-parts.js";
import type {Scope} from "../auth/scope.js";

export interface MethodSchema {
  /** One sentence, as lists of methods and tools show it. */
  readonly description: string;
  readonly params: z.ZodObject;
  readonly result: z.ZodType;
  readonly scope: Scope;
  /** It changes nothing. */
  readonly isReadOnly: boolean;
  /** It ends or replaces what is there. */
  readonly isDestructive: boolean;
  /** It opens sources or reads many files: a server lets few of these work at once. */
  readonly isHeavy: boolean;
  /** Parameters that are paths: a server keeps them within the project. */
  readonly paths: readonly string[];
}

/** What a schema lets through, all of it readonly. */
export type Immutable<T> = T extends readonly (infer U)[] ? readonly Immutable<U>[] : T extends object ? {readonly [K in keyof T]: Immutable<T[K]>} : T;

const wordText = "text of 1 to 1000 characters";
/** Names and paths: no honest one is longer. */
export const word = z.string({error: wordText}).min(1, {error: wordText}).max(1000, {error: wordText});
export const words = z.array(word, {error: "a list of texts"}).max(1000, {error: "a list of at most 1000 texts"});

export function wholeNumber({min, max}: {readonly min: number; readonly max: number}): z.ZodInt {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({error}).min(min, {error}).max(max, {error});
}

const serviceText = "The service; default: `default_service` of the settings.";
export const optionalService = word.optional().describe(serviceText);
export const skeletonOnly = flag.optional().describe("Without embeddings.");
export const outputRoot = word.optional().describe("Where datasets are, over the project's `output_root`.");

export const pageLimit = wholeNumber({min: 1, max: 1000}).optional();
export const pageParams = {
  limit: pageLimit.describe("How many at most; default: all."),
  cursor: word.optional().describe("`next_cursor` of the page before."),
};
export const nextCursor = z.string().nullable().describe("Where the next page starts; null: this is the last one.");

export const noParams = mapping({});

/** Where something is written: file and one-based line. */
export const placeResult = z.strictObject({file: z.string(), line: z.number()});

export const problemResult = z.strictObject({
  severity: z.enum(["error", "warning"]),
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
  place: z.strictObject({file: z.string(), line: z.number(), column: z.number(), length: z.number()}).nullable(),
});

/** A problem as plain data, as every face but the terminal shows it. */
export type ProblemAnswer = Immutable<z.infer<typeof problemResult>>;
