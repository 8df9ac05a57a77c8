import {DaedalusError} from "../errors.js";
import type {Project, Service} from "./model.js";
import {findNearest} from "./nearest.js";

/** The project's service of that name. @throws DaedalusError `reference-unknown` with the nearest one */
export function getServiceOf(project: Project, name: string): Service {
  const service = project.services.get(name);
  if (service) return service;
  const names = [...project.services.keys()];
  throw DaedalusError.of("reference-unknown", {what: "feature service", name, nearest: findNearest(name, names), hint: `the services are ${names.join(", ")}`});
}
