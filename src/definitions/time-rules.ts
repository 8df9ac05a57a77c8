import {Names, type Context} from "./context.js";
import {parseDuration, renderDuration} from "./duration.js";
import type {TimeRules} from "./model.js";
import type {RawView} from "./view-schema.js";

interface Timing {
  /** Our name of the column with the instant of a row; a view without one is static. */
  readonly timestampColumn: string | undefined;
  /** Our name of a column that may be named as the source does. */
  readonly ourName: (column: string) => string;
}

type TimeKey = keyof NonNullable<RawView["time"]>;

/** A view's time rules as the model has them. Rules that contradict one another, or that nothing reads, are problems. */
export function parseTimeRules(context: Context, raw: RawView, timing: Timing): TimeRules {
  const {timestampColumn, ourName} = timing;
  const time = raw.time ?? {};
  checkRanges(context, raw, timing);
  const join = time.join ?? (timestampColumn === undefined ? "static" : "pit");
  if (timestampColumn === undefined && join !== "static") {
    context.problems.add("timestamp-needed", {what: `"join: ${join}"`, view: raw.name}, context.file.place(time, "join"));
  } else if (join === "pit") {
    checkPit(context, raw, timing);
  } else {
    checkUnread(context, raw, join, timing);
  }
  const tieBreak = (time.tie_break ?? []).map((text) => {
    const [column = "", direction] = text.trim().split(/\s+/);
    return {column: ourName(column), isDescending: direction?.toLowerCase() === "desc"};
  });
  const names = new Names(context.problems);
  tieBreak.forEach(({column}, index) => {
    const place = context.file.place(time.tie_break ?? [], index);
    if (column === timestampColumn) context.problems.add("setting-without-effect", {key: "tie_break", reason: "rows that it is asked about have one timestamp"}, place, "warning");
    names.add("tie_break column", column, place);
  });
  return {
    boundary: time.boundary ?? "strict",
    availableAt: time.available_at === undefined ? undefined : ourName(time.available_at),
    validTo: time.valid_to === undefined ? undefined : ourName(time.valid_to),
    embargoUs: parseDuration(time.embargo ?? "0s") ?? 0,
    tieBreak,
    onDuplicate: time.on_duplicate ?? "pick",
    join,
  };
}

function checkRanges({file, problems}: Context, raw: RawView, {timestampColumn, ourName}: Timing): void {
  const time = raw.time ?? {};
  const {timestamp_field: timestampField} = raw.source;
  if (timestampField !== undefined && time.valid_from !== undefined && ourName(time.valid_from) !== ourName(timestampField)) {
    const reason = "both say when a row begins to be true: remove one of them, or let them name the same column";
    problems.add("keys-conflict", {keys: ["timestamp_field", "valid_from"], reason}, file.place(time, "valid_from"));
  }
  if (time.valid_to === undefined) return;
  if (timestampColumn === undefined) {
    problems.add("timestamp-needed", {what: '"valid_to"', view: raw.name}, file.keyPlace(time, "valid_to"));
  } else if (ourName(time.valid_to) === timestampColumn) {
    const expected = "another column than the one in which a row begins to be true";
    problems.add("value-wrong", {key: "valid_to", expected, found: `"${time.valid_to}"`}, file.place(time, "valid_to"));
  }
}

function checkPit({file, problems}: Context, raw: RawView, {timestampColumn, ourName}: Timing): void {
  const time = raw.time ?? {};
  if (time.available_at !== undefined && ourName(time.available_at) === timestampColumn) {
    const reason = "it names the timestamp, from which a row counts anyway";
    problems.add("setting-without-effect", {key: "available_at", reason}, file.keyPlace(time, "available_at"), "warning");
  }
  // A row may be known before its own timestamp, so with `available_at` it can count whatever the ttl.
  if (raw.ttl === undefined || time.available_at !== undefined) return;
  const [ttlUs, embargoUs] = [parseDuration(raw.ttl) ?? 0, parseDuration(time.embargo ?? "0s") ?? 0];
  const isStrict = time.boundary !== "inclusive";
  if (isStrict ? ttlUs > embargoUs : ttlUs >= embargoUs) return;
  const from = `${isStrict ? "after " : ""}${renderDuration(embargoUs)}`;
  const facts = {view: raw.name, reason: `it counts from ${from} on, and is too old after ${renderDuration(ttlUs)}`};
  problems.add("view-never-counts", facts, file.keyPlace(raw, "ttl"), "warning");
}

/** What a join that does not look at the time leaves unread. A history or a spine of the view reads some of it all the same. */
function checkUnread({file, problems, references}: Context, raw: RawView, join: "latest" | "static", {timestampColumn}: Timing): void {
  const time = raw.time ?? {};
  const reason =
    join === "latest"
      ? '"join: latest" takes the newest row whatever the time'
      : timestampColumn === undefined
        ? 'the view has no "timestamp_field", so each key has one row for all time'
        : '"join: static" takes the one row of a key whatever the time';
  const warn = (owner: object, key: "ttl" | TimeKey, why = reason): void => {
    problems.add("setting-without-effect", {key, reason: why}, file.keyPlace(owner, key), "warning");
  };
  if (raw.ttl !== undefined) warn(raw, "ttl");
  if (time.boundary !== undefined) warn(time, "boundary");
  if (time.valid_to !== undefined && timestampColumn !== undefined) warn(time, "valid_to");
  if (join === "static" && time.on_duplicate === "pick") warn(time, "on_duplicate", "two rows of one key always stop a static join");
  const readByHistories: readonly TimeKey[] = ["available_at", "embargo", ...(join === "static" ? (["tie_break"] as const) : [])];
  for (const key of readByHistories) {
    if (time[key] !== undefined) references.push({kind: "history-rule", view: raw.name, key, reason, place: file.keyPlace(time, key)});
  }
}
