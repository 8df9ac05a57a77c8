/**
 * The pieces that the schemas of the files are made of. A zod message here is not a sentence but the expected thing ("a number"),
 * or, for a mapping with unknown keys, the keys that it has: check-schema.ts makes the sentences, with place and nearest name.
 */
import {z} from "zod";
import {parseDtype, scalarNames} from "./dtype.js";
import {durationPattern, parseDuration} from "./duration.js";
import {hasLiteralSecret, isEnvReference} from "./secrets.js";

const namePattern = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/;
const nameText = 'a name: letters, digits and "_", not starting with a digit or with "__" (reserved)';

/** A mapping with exactly these keys. */
export function mapping<S extends z.core.$ZodLooseShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : "a mapping"),
  });
}

export function listOf<T extends z.ZodType>(item: T, expected: string): z.ZodArray<T> {
  return z.array(item, {error: expected});
}

export function oneOf<const V extends readonly [string, ...string[]]>(values: V): z.ZodEnum<z.core.util.ToEnum<V[number]>> {
  return z.enum(values, {error: `one of ${values.map((value) => `"${value}"`).join(", ")}`});
}

export const text = z.string({error: "text"}).min(1, {error: "text that is not empty"});
export const flag = z.boolean({error: "true or false"});
export const name = z.string({error: nameText}).regex(namePattern, {error: nameText});
export const names = listOf(name, "a list of names").min(1, {error: "a list with at least one name"});
/** A column as its source spells it: any text. */
export const sourceColumn = text;

/** A path or URL; what it holds of credentials is `${ENV}` references. */
export const location = text.refine((value) => !hasLiteralSecret(value), {error: "text", params: {code: "credentials-literal"}});

const credentialText = "a reference such as ${PGPASSWORD} or ${file:/run/secrets/pgpassword}";
const credential = z
  .string({error: credentialText})
  .refine(isEnvReference, {error: credentialText, params: {code: "credentials-literal"}});

export const credentials = z.record(z.string(), credential, {error: "a mapping of ${ENV} references"});

/** How an object store is reached, as far as that is no secret. */
export const storeOptions = {
  endpoint: location.optional().describe("Host and port of the store, where it is not Amazon's or Cloudflare's; `http://` before it turns TLS off."),
  region: text.optional().describe("S3 and R2: region of the bucket."),
  url_style: oneOf(["vhost", "path"]).optional().describe("S3: whether the bucket is part of the host or of the path."),
  use_ssl: flag.optional().describe("S3 and R2: whether to use TLS. Default: true, unless `endpoint` starts with `http://`."),
  account_id: text.optional().describe("R2: the account."),
};

const constantText = "the name of a constant of base.yaml";
const positiveText = `a whole number above 0, or ${constantText}`;

/** A whole number above zero, or the name of a constant. */
export const positiveOrConstant = z.union(
  [z.int({error: positiveText}).positive({error: positiveText}), z.string().regex(namePattern, {error: positiveText})],
  {error: positiveText},
);

const daysText = `a number of days above 0, or ${constantText}`;
export const daysOrConstant = z.union(
  [z.number().positive({error: daysText}), z.string().regex(namePattern, {error: daysText})],
  {error: daysText},
);

const durationText = 'a duration such as "90d", "2h", "30m", "10s" or "500ms"';
export const duration = z
  .string({error: durationText})
  .refine((value) => parseDuration(value) !== undefined, {error: durationText})
  .meta({pattern: durationPattern.source});

/** `2026-02-30` and `2026-3-2` are no days. */
function isDay(value: string): boolean {
  const ms = Date.parse(`${value}T00:00:00Z`);
  return dayPattern.test(value) && !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(value);
}

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;
const dayText = "a day, YYYY-MM-DD";
export const day = z.string({error: dayText}).refine(isDay, {error: dayText}).meta({pattern: dayPattern.source});

const dayOrPreviousText = `"previous" or ${dayText}`;
export const dayOrPrevious = z
  .string({error: dayOrPreviousText})
  .refine((value) => value === "previous" || isDay(value), {error: dayOrPreviousText})
  .meta({pattern: `^previous$|${dayPattern.source}`});

const dtypeText = `a dtype: one of ${scalarNames.join(", ")}, or a list of one such as "BIGINT[]"`;
const scalarOrListPattern = `^(${scalarNames.join("|")})(\\[\\])?$`;

function dtypeWith(isAllowed: (text: string) => boolean, pattern: string): z.ZodString {
  return z
    .string({error: dtypeText})
    .refine(isAllowed, {error: dtypeText, params: {code: "dtype-unknown"}})
    .meta({pattern});
}

/** What a source can hold. */
export const fieldDtype = dtypeWith((value) => {
  const dtype = parseDtype(value);
  return dtype !== undefined && dtype.kind !== "vector";
}, scalarOrListPattern);

/** What a dataset can hold: embeddings too. */
export const columnDtype = dtypeWith(
  (value) => parseDtype(value) !== undefined,
  `^((${scalarNames.join("|")})(\\[\\])?|(HALF_FLOAT|FLOAT)\\[[1-9][0-9]*\\])$`,
);

const scalarText = "text, a number, true or false";
const literalText = `${scalarText}, null, or a list of them`;
const exactText = `${scalarText}; whole numbers beyond 2^53 cannot be told apart`;
const exactNumber = z
  .number()
  .refine((value) => !Number.isInteger(value) || Number.isSafeInteger(value), {error: exactText});

/** One value to compare with. A whole number that a double cannot hold would silently be another number. */
export const scalarValue = z.union([z.string(), exactNumber, z.boolean()], {error: scalarText});
const literalItem = z.union([z.string(), z.number(), z.boolean(), z.null()], {error: `${scalarText}, or null`});
/** A YAML value that stands for a SQL literal. */
export const literal = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(literalItem)], {error: literalText});

export const severity = oneOf(["error", "warn"])
  .optional()
  .meta({default: "error"})
  .describe("`error` keeps the partition from being published; `warn` only reports.");
