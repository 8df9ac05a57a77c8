/** config/base.yaml. */
import {z} from "zod";
import {listOf, location, text} from "./schema-parts.js";

const columnList = listOf(text, "a list of column names");
const valueText = "a number (a constant) or a list of column names";

export const baseSchema = z
  .object(
    {
      feature_s3_root_dir: location.optional().describe("Prefix for parquet sources; a view's `path` uses it as `${feature_s3_root_dir}`."),
      click_event_features: columnList.optional().describe("Columns of the click events."),
      artwork_features: columnList.optional().describe("Columns about artworks."),
      user_features: columnList.optional().describe("Columns about users."),
    },
    {error: "a mapping"},
  )
  .catchall(z.union([z.number(), columnList], {error: valueText}))
  .describe("Constants of the project: numbers, and lists of columns, under any name.");

export type RawBase = z.infer<typeof baseSchema>;
