import type {Context} from "./context.js";

/** What `${data_root}` and `${feature_s3_root_dir}` stand for in a path. Other `${NAME}` are left for the run's environment. */
export interface PathVariables {
  readonly data_root: string | undefined;
  readonly feature_s3_root_dir: string | undefined;
}

const settingFiles = {data_root: "config/training/runtime.yaml", feature_s3_root_dir: "config/base.yaml"} as const;

/** The path at a key, its variables filled in; one that is not set is reported. */
export function fillPath<K extends string>(
  {file, problems}: Context,
  variables: PathVariables,
  owner: {readonly [key in K]?: string | undefined},
  key: K,
): string | undefined {
  return owner[key]?.replaceAll(/\$\{(data_root|feature_s3_root_dir)\}/g, (reference, variable: keyof PathVariables) => {
    const value = variables[variable];
    if (value === undefined) problems.add("path-variable-unset", {variable, file: settingFiles[variable]}, file.place(owner, key));
    return value ?? reference;
  });
}
