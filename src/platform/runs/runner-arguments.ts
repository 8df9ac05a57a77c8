/** A run's options for its runner, as flags of `pipeline train`. */
import {findNearest} from "../../definitions/nearest.js";
import {DaedalusError} from "../../errors.js";
import {optionsOf} from "../runner-options.js";
import type {RunRequest} from "./run-record.js";

/** @throws DaedalusError `key-unknown` or `value-wrong` */
export function runnerArguments({runner, runner_options: values}: Pick<RunRequest, "runner" | "runner_options">): readonly string[] {
  const options = optionsOf(runner);
  const flags = Object.entries(values).flatMap(([key, value]) => {
    const option = Object.hasOwn(options, key) ? options[key] : undefined;
    if (!option) throw DaedalusError.of("key-unknown", {key: `runner_options.${key}`, nearest: findNearest(key, Object.keys(options)), allowed: Object.keys(options)});
    if (!option.isRight(value)) throw DaedalusError.of("value-wrong", {key: `runner_options.${key}`, expected: option.expected, found: `"${value}"`});
    return [option.flags.split(" ")[0]!, value];
  });
  return runner === "local" ? flags : ["--runner", runner, ...flags];
}

/** What a caller of a server may not say. @throws DaedalusError `option-reserved` */
export function assertOpenOptions({runner = "local", runner_options: values = {}}: Partial<Pick<RunRequest, "runner" | "runner_options">>): void {
  const options = optionsOf(runner);
  for (const key of Object.keys(values)) {
    const variable = Object.hasOwn(options, key) ? options[key]!.variable : undefined;
    if (variable !== undefined) throw DaedalusError.of("option-reserved", {key: `runner_options.${key}`, variable});
  }
}
