/** A run's request as arguments of our own command line, which is how every runner asks for it. */
import type {RunRequest} from "./run-record.js";

export function trainArguments(request: RunRequest): readonly string[] {
  const {project_flags: flags} = request;
  const days = request.first_day === request.last_day ? ["--target-date", request.first_day] : ["--from-date", request.first_day, "--to-date", request.last_day];
  const option = (name: string, value: string | null | undefined): string[] => (value === undefined || value === null ? [] : [name, value]);
  return [
    ...["pipeline", "train", request.service, ...days],
    ...(request.force ? ["--force"] : []),
    ...(request.skeleton_only ? ["--skeleton-only"] : []),
    ...option("--output-root", request.output_root),
    ...option("--engine", request.engine),
    ...option("--runtime-config-path", flags.runtimeConfigPath),
    ...option("--aggregation-config-path", flags.aggregationConfigPath),
    ...option("--feature-views-dir", flags.featureViewsDir),
    ...option("--feature-services-dir", flags.featureServicesDir),
    ...(flags.set ?? []).flatMap((value) => ["--set", value]),
  ];
}

/** The level and, of an error, the code of a line that our command line printed to stderr. */
export function classifyLine(text: string): {readonly level: "info" | "warning" | "error"; readonly code: string | undefined; readonly message: string} {
  const [, severity, code, message] = /^(?:\S+:\d+:\d+: )?(error|warning) ([a-z][a-z-]*): (.*)$/.exec(text) ?? [];
  if (severity === "error" || severity === "warning") return {level: severity, code, message: message ?? text};
  return {level: "info", code: undefined, message: text};
}
