/** The YAML line to blame when an operator fails at run time. */
import type {Project, Service} from "../definitions/model.js";
import type {Place} from "../errors.js";
import type {Operator} from "../plan/operator.js";

export function placeOfOperator(operator: Operator, project: Project, service: Service): Place | undefined {
  const spec = (name: string): Place | undefined => project.aggregations.specs.find((candidate) => candidate.name === name)?.place;
  switch (operator.opKind) {
    case "scan":
      return project.views.get(operator.view)?.source.place;
    case "filter":
      return service.filters.find((filter) => operator.output === `day_filtered_${filter.name}`)?.place ?? service.spine.place;
    case "project":
      if (operator.shape.kind !== "derive") return service.place;
      return service.derived.find((derived) => operator.output === `day_derived_${derived.name}`)?.place;
    case "join":
    case "pit_join":
      return project.views.get(operator.right)?.place;
    case "rolling_aggregate":
      // With several specs the reason names the column; the first spec's line leads to the file.
      return spec(operator.windows[0]?.name ?? "");
    case "arrow_udf_transform":
    case "ray_udf_transform":
      return project.aggregations.enrichments.find((candidate) => candidate.name === operator.column)?.place;
    case "sink":
      return service.place;
  }
}
