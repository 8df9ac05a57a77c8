/** What the time rules of a view or an aggregation mean, in sentences: shown by `views show` and `services show`. */
import type {AggregationSpec, Service, View} from "../definitions/model.js";
import {givesList, operationRules} from "../definitions/aggregation-operation.js";
import {dayUs, renderDuration} from "../definitions/duration.js";

/** How rows of the view reach a row of a dataset, a sentence each. */
export function explainView(view: View): readonly string[] {
  const {time, timestampColumn, ttlUs} = view;
  if (time.join === "static" || timestampColumn === undefined) return [`One row for each ${view.joinKeys.join(", ")}, whatever the time.`];
  if (time.join === "latest") {
    return [`The row with the newest ${timestampColumn}, whatever the time: this can carry the future into a row.`, ...explainTies(view)];
  }
  const known = renderKnown(view);
  const before = time.boundary === "strict" ? "before the row's instant; an equal instant is the future" : "at or before the row's instant";
  const rules = [`Of the rows with ${known} ${before}, the one with the newest ${timestampColumn}.`];
  if (ttlUs !== undefined) rules.push(`NULL when its ${timestampColumn} is more than ${renderDuration(ttlUs)} before the row's instant.`);
  if (time.validTo !== undefined) {
    rules.push(`NULL when its ${time.validTo} is ${time.boundary === "strict" ? "before" : "at or before"} the row's instant; ranges of one key may not overlap.`);
  }
  return [...rules, ...explainTies(view)];
}

/** The instant from which a row counts. */
function renderKnown({time, timestampColumn}: View): string {
  return `${time.availableAt ?? timestampColumn!}${time.embargoUs > 0 ? ` + ${renderDuration(time.embargoUs)}` : ""}`;
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
  distinct_list: "Distinct values of",
  top_k: "The most frequent values of",
  count_distinct: "How many different values of",
  sum: "The sum of",
  mean: "The mean of",
  stddev: "The standard deviation of a sample of",
  min: "The least",
  max: "The greatest",
  first: "The first",
  last: "The last",
  time_since_last: "Seconds since the newest of",
  decay_sum: "The decaying sum of",
};

/** The aggregation over rows of `history` as one sentence. */
export function explainAggregation(spec: AggregationSpec, service: Service, history: View): string {
  const rows = `rows of ${history.name}`;
  const keys = spec.groupBy.map(({spine, history}) => (spine === history ? `the same ${spine}` : `${history} equal to the row's ${spine}`));
  const isOfRows = operationRules[spec.operation].takes === "any";
  const value = spec.valueColumn === undefined ? rows : isOfRows ? `${rows} whose ${spec.valueColumn} is not NULL` : `${spec.valueColumn} of ${rows}`;
  const reach = spec.windowUs === undefined ? "before the row's instant" : `from ${renderDuration(spec.windowUs)} before the row's instant up to it, without it`;
  const isLate = history.time.availableAt !== undefined || history.time.embargoUs > 0;
  const {lookbackDays} = service.spine;
  const isCut = history.name === service.spine.view && lookbackDays !== undefined && spec.windowUs !== undefined && lookbackDays * dayUs < spec.windowUs;
  const ties = history.time.tieBreak.map((tie) => tie.column);
  const excluded = spec.excludeSelf === true ? (spec.operation === "flatten_distinct" ? service.spine.itemKey : spec.valueColumn) : spec.excludeSelf;
  return [
    `${operations[spec.operation]} ${value} with ${keys.join(" and ")}, ${reach}`,
    ...(isLate ? [`those whose ${renderKnown(history)} is before it`] : []),
    ...(isCut ? [`none from more than ${renderDuration(lookbackDays * dayUs)} before the day`] : []),
    ...(spec.condition === undefined ? [] : [`where ${spec.condition}`]),
    ...(typeof excluded === "string" ? [`without those of the row's own ${excluded}`] : []),
    ...(spec.includeCurrent ? ["and the row itself, last"] : []),
    ...(spec.halfLifeUs === undefined ? [] : [`each halved for every ${renderDuration(spec.halfLifeUs)} of its age`]),
    ...(spec.maxItems === undefined ? [] : [spec.operation === "top_k" ? `${spec.maxItems} at most` : `the newest ${spec.maxItems}`]),
    ...(spec.operation === "top_k" ? ["the most frequent first"] : givesList(spec.operation) ? [`oldest first${ties.length > 0 ? ` and at one instant by ${ties.join(", ")}` : ""}`] : []),
  ].join(", ").concat(".");
}
