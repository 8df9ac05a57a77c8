/** A service's `columns` are a contract; where runtime.yaml also lists `output_columns`, the two must say the same. */
import type {Problems} from "../errors.js";
import {isSameDefault} from "./default-sql.js";
import type {OutputColumn, Service} from "./model.js";
import {findNearest} from "./nearest.js";

export function checkOutputColumns(outputs: readonly OutputColumn[], services: readonly Service[], problems: Problems): void {
  const positions = new Map(outputs.map((output, index) => [output.name, index]));
  for (const service of services) checkService({service, outputs, positions}, problems);
  const declared = new Set(services.flatMap((service) => (service.columns ?? []).map((column) => column.name)));
  if (services.length === 0 || services.some((service) => service.columns === undefined)) return;
  for (const {name, place} of outputs) {
    if (!declared.has(name)) problems.add("output-column-unused", {column: name, nearest: findNearest(name, declared)}, place);
  }
}

interface Compared {
  readonly service: Service;
  readonly outputs: readonly OutputColumn[];
  readonly positions: ReadonlyMap<string, number>;
}

function checkService({service, outputs, positions}: Compared, problems: Problems): void {
  let previous: {readonly name: string; readonly position: number} | undefined;
  for (const {name, defaultSql, place} of service.columns ?? []) {
    const disagree = (reason: string, hint: string): void =>
      problems.add("columns-disagree", {service: service.name, column: name, reason, hint}, place);
    const position = positions.get(name);
    if (position === undefined) {
      const nearest = findNearest(name, positions.keys());
      disagree("is missing in output_columns of runtime.yaml", nearest === undefined ? "add it there" : `did you mean "${nearest}"?`);
      continue;
    }
    const output = outputs[position];
    if (output?.defaultSql !== undefined && defaultSql !== undefined && !isSameDefault(output.defaultSql, defaultSql)) {
      disagree(`has the default ${defaultSql} here and ${output.defaultSql} in output_columns`, "say it once, or the same twice");
    }
    if (previous && position < previous.position) {
      disagree(`stands after "${previous.name}" here and before it in output_columns`, "give both the same order");
    }
    previous = {name, position};
  }
}
