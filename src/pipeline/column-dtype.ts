import type {Dtype} from "../definitions/dtype.js";
import type {Project, Service, View} from "../definitions/model.js";

/** The declared dtype; for a key that no field declares, what another view or the service says of the name. */
export function findColumnDtype(name: string, project: Project, service: Service, view?: View): Dtype | undefined {
  if (view && [view.timestampColumn, view.time.availableAt, view.time.validTo].includes(name)) return {kind: "scalar", name: "TIMESTAMP"};
  const views = [...(view ? [view] : []), ...project.views.values()];
  const field = views.flatMap((candidate) => candidate.fields).find((candidate) => candidate.name === name);
  return field?.dtype ?? service.columns?.find((column) => column.name === name)?.dtype;
}
