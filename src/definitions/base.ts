import type {RawBase} from "./base-schema.js";
import type {Context} from "./context.js";
import type {BaseConfig} from "./model.js";

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** base.yaml as the model has it: numbers are constants, lists are column lists. */
export function parseBase({file, problems}: Pick<Context, "file" | "problems">, raw: RawBase): BaseConfig {
  const constants = new Map<string, number>();
  const columnLists = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(raw)) {
    if (key === "feature_s3_root_dir") continue;
    if (!namePattern.test(key)) {
      const expected = 'named with letters, digits and "_" only';
      problems.add("value-wrong", {key, expected, found: `"${key}"`}, file.keyPlace(raw, key));
    }
    if (typeof value === "number") constants.set(key, value);
    else if (Array.isArray(value)) columnLists.set(key, value);
  }
  return {constants, columnLists, featureS3RootDir: raw.feature_s3_root_dir};
}
