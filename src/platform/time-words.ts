/** What the time rules of a view or an aggregation mean, in sentences: shown by `views show` and `services show`. */
import type {AggregationSpec, Service, View} from "../definitions/model.js";
import {renderDuration} from "../definitions/duration.js";

/** How rows of the view reach a row of a dataset, a sentence each. */
export function explainView(view: View): readonly string[] {
  const {time, timestampColumn, ttlUs} = view;
  if (time.join === "static" || timestampColumn === undefined) return [`One row for each ${view.joinKeys.join(", ")}, whatever the time.`];
  if (time.join === "latest") {
    return [`The row with the newest ${timestampColumn}, whatever the time: this can carry the future into a row.`, ...explainTies(view)];
  }
  const known = `${time.availableAt ?? timestampColumn}${time.embargoUs > 0 ? ` + ${renderDuration(time.embargoUs)}` : ""}`;
  const before = time.boundary === "strict" ? "before the row's instant; an equal instant is the future" : "at or before the row's instant";
  const rules = [`Of the rows with ${known} ${before}, the one with the newest ${timestampColumn}.`];
  if (ttlUs !== undefined) rules.push(`NULL when its ${timestampColumn} is more than ${renderDuration(ttlUs)} before the row's instant.`);
  if (time.validTo !== undefined) {
    rules.push(`NULL when its ${time.validTo} is ${time.boundary === "strict" ? "before" : "at or before"} the row's instant; ranges of one key may not overlap.`);
  }
  return [...rules, ...explainTies(view)];
}

function explainTies({time, joinKeys, timestampColumn}: View): readonly string[] {
  const order = time.tieBreak.map((tie) => `the ${tie.isDescending ? "greatest" : "least"} ${tie.column}`);
  const same = `Rows of one ${[...joinKeys, timestampColumn].join(", ")}`;
  const first = order.length > 0 ? [`${same}: ${order.join(", then ")}.`] : [];
  return time.onDuplicate === "error" ? [...first, `${same}${order.length > 0 ? " that this leaves equal" : ""} stop the run.`] : first;
}

const operations: Readonly<Record<AggregationSpec["operation"], string>> = {
  list: "Values of",
  count: "How many",
  flatten_distinct: "Distinct elements of",
};

/** The aggregation as one sentence. */
export function explainAggregation(spec: AggregationSpec, service: Service): string {
  const rows = `rows of ${spec.history ?? service.spine.view}`;
  const keys = spec.groupBy.map(({spine, history}) => (spine === history ? `the same ${spine}` : `${history} equal to the row's ${spine}`));
  const value = spec.valueColumn === undefined ? rows : spec.operation === "count" ? `${rows} whose ${spec.valueColumn} is not NULL` : `${spec.valueColumn} of ${rows}`;
  const reach = spec.windowUs === undefined ? "before the row's instant" : `from ${renderDuration(spec.windowUs)} before the row's instant up to it, without it`;
  const excluded = spec.excludeSelf === true ? (spec.operation === "list" ? spec.valueColumn : service.spine.itemKey) : spec.excludeSelf;
  return [
    `${operations[spec.operation]} ${value} with ${keys.join(" and ")}, ${reach}`,
    ...(spec.condition === undefined ? [] : [`where ${spec.condition}`]),
    ...(typeof excluded === "string" ? [`without those of the row's own ${excluded}`] : []),
    ...(spec.includeCurrent ? ["and the row itself, last"] : []),
    ...(spec.maxItems === undefined ? [] : [`the newest ${spec.maxItems}`]),
    ...(spec.operation === "count" ? [] : ["oldest first"]),
  ].join(", ").concat(".");
}
