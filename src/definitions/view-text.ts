import {Problems} from "../errors.js";
import {checkSchema} from "./check-schema.js";
import type {Project, View} from "./model.js";
import {SourceFile} from "./source-file.js";
import {parseView} from "./view.js";
import {viewSchema} from "./view-schema.js";

/**
 * One view from its text, as if it stood at the path.
 * @throws ProblemsError whose places lie in the text
 */
export function parseViewText(text: string, path: string, {base, runtime}: Pick<Project, "base" | "runtime">): View {
  const problems = new Problems();
  const file = new SourceFile(path, text, problems);
  const {value, isIntact} = checkSchema(file, viewSchema, "a view", problems);
  problems.throwIfErrors();
  const context = {file, isIntact, problems, references: [], constants: {values: base.constants, isIntact: true}};
  const view = parseView(context, value!, {data_root: runtime.dataRoot, feature_s3_root_dir: base.featureS3RootDir});
  problems.throwIfErrors();
  return view;
}
