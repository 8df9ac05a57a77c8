/** A method called by name with whatever a caller sent: how every face but the command line comes to the table. */
import {findNearest} from "../definitions/nearest.js";
import {DaedalusError} from "../errors.js";
import {checkParams} from "./check-params.js";
import {confinePaths} from "./confine-paths.js";
import type {MethodContext} from "./context.js";
import {isMethodName, methodNames, methodSchemas, type MethodName} from "./method-schemas.js";
import {methods} from "./methods.js";
import {assertOpenOptions} from "./runs/runner-arguments.js";

/** @throws DaedalusError `method-unknown` with the nearest one */
export function getMethodName(name: string): MethodName {
  if (isMethodName(name)) return name;
  const shown = name.slice(0, 60);
  throw DaedalusError.of("method-unknown", {method: shown, nearest: findNearest(shown, methodNames)});
}

/**
 * The method's answer, as its schema says, or a promise of it. Paths stay within the project.
 * @throws ParamsError, or what the method throws
 */
export function callMethod(name: MethodName, params: unknown, context: MethodContext): unknown {
  const {params: schema, paths} = methodSchemas[name];
  const checked = checkParams(name, schema, params);
  if (name === "runs.materialize_partition") assertOpenOptions(checked);
  if (paths.length > 0) confinePaths(checked, paths, context.loadProject());
  return (methods[name] as (params: object, context: MethodContext) => unknown)(checked, context);
}
