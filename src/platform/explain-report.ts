/** What `explain row` answers, for machines and on a terminal. */
import {relative} from "node:path";
import type {ColumnExplanation, ConsideredRow, RowExplanation} from "../pipeline/explain.js";
import type {Rule} from "../pipeline/evidence.js";
import {shorten} from "./audit-report.js";
import {formatCount, formatNumber} from "./format.js";
import {renderTable} from "./table.js";

const rules: Readonly<Record<Rule, string>> = {
  future: "at or after the row's instant",
  not_yet_available: "not yet known at the row's instant",
  no_timestamp: "it has no timestamp",
  outside_window: "before the window",
  condition: "the condition is not true",
  self: "the row's own item",
  null_value: "its value is NULL",
  max_items: "max_items newer ones count",
  repeated: "its values appear again later",
  ttl: "older than the ttl",
  expired: "its range was over",
  newer_version: "a newer version counts",
  tie: "another version of the same instant stands first",
};

/** Microseconds as `2026-03-02T12:00:00.000001`, UTC. */
function renderInstant(us: number | null): string | null {
  if (us === null) return null;
  const micros = ((us % 1_000_000) + 1_000_000) % 1_000_000;
  return `${new Date((us - micros) / 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}`;
}

export function explanationToData(explanation: RowExplanation): Record<string, unknown> {
  return {
    service: explanation.service,
    day: explanation.day,
    row: explanation.row,
    file: explanation.file,
    file_row_number: explanation.fileRow,
    dropped_by: explanation.droppedBy ?? null,
    partition: explanation.partition ? {directory: explanation.partition.directory, stage: explanation.partition.stage, has_row: explanation.partition.hasRow} : null,
    columns: explanation.columns.map((column) => ({
      name: column.name,
      kind: column.kind,
      definition: column.definition,
      ...(column.value === undefined ? {} : {value: column.value}),
      ...(column.stored === undefined ? {} : {stored: column.stored}),
      agrees: column.agrees ?? null,
      inputs: column.inputs ?? null,
      history: column.history
        ? {...column.history, shown: column.history.shown.map((row) => ({file: row.file, file_row_number: row.fileRow, at: renderInstant(row.atUs), known_at: renderInstant(row.knownUs), value: row.value, counts: row.rule === undefined, rule: row.rule ?? null}))}
        : null,
      operator: column.operator
        ? {name: column.operator.name, op_kind: column.operator.opKind, aggregation_engine: column.operator.aggregationEngine ?? null, statements: column.operator.statements}
        : null,
    })),
  };
}

export function renderExplanation(explanation: RowExplanation, root: string): string {
  const row = Object.entries(explanation.row).map(([name, value]) => `${name}=${value ?? "NULL"}`).join(" ");
  const origin = explanation.file === null ? "" : `\nread from ${relative(root, explanation.file)}, row ${explanation.fileRow ?? "?"}`;
  return [`${explanation.service}: ${row}${origin}`, describeState(explanation, root), ...explanation.columns.map((column) => `\n${renderColumn(column, root)}`)].join("\n");
}

function describeState({droppedBy, partition, day}: RowExplanation, root: string): string {
  if (droppedBy !== undefined) {
    const strange = partition?.hasRow ? ` Yet it stands in ${relative(root, partition.directory)}: that partition was made by other definitions or from other data.` : "";
    return `It is not in the dataset. It was dropped by ${droppedBy}.${strange}`;
  }
  if (!partition) return `The partition of ${day} is not there to compare with.`;
  if (!partition.hasRow) return `It should be in ${relative(root, partition.directory)}, and is not: that partition was made by other definitions or from other data.`;
  return `It is in ${relative(root, partition.directory)}.`;
}

function renderColumn(column: ColumnExplanation, root: string): string {
  const {value, stored, agrees, inputs, history, operator} = column;
  const lines = [`${column.name} (${column.kind}): ${column.definition}`];
  if (value !== undefined) lines.push(`  value     ${shorten(value)}${agrees === true ? " (as in the partition)" : ""}`);
  else if (stored !== undefined) lines.push(`  value     ${shorten(stored)} (in the partition)`);
  if (agrees === false) lines.push(`  stored    ${shorten(stored ?? null)}: the partition holds another value`);
  for (const [name, input] of Object.entries(inputs ?? {})) lines.push(`  from      ${name} = ${shorten(input)}`);
  if (history) {
    const dropped = Object.entries(history.dropped).map(([rule, count]) => `${formatCount(count)} ${rules[rule as Rule]}`);
    lines.push(`  history   ${formatNumber(history.total, "row")}, ${formatCount(history.used)} used${dropped.length > 0 ? `; dropped: ${dropped.join(", ")}` : ""}`);
    if (history.shown.length > 0) lines.push(indent(renderTable(["at", "known", "value", "counts", "file", "row"], history.shown.map((shown) => renderShown(shown, root))), 4));
    if (history.shown.length < history.total) lines.push(`    ... and ${formatCount(history.total - history.shown.length)} more`);
  }
  if (operator) {
    const made = operator.opKind === "pit_join" ? "joined where it can" : "windows";
    const engine = operator.aggregationEngine === undefined ? "" : `, ${made} by the ${operator.aggregationEngine} engine`;
    lines.push(`  operator  ${operator.name} (${operator.opKind}${engine})`, indent(operator.statements.join(";\n"), 4));
  }
  return lines.join("\n");
}

function renderShown(row: ConsideredRow, root: string): {at: string | null; known: string | null; value: string; counts: string; file: string; row: number | null} {
  const value = row.value === null || typeof row.value === "string" ? row.value : `[${row.value.map((item) => item ?? "NULL").join(", ")}]`;
  return {
    at: renderInstant(row.atUs),
    known: row.knownUs === row.atUs ? "" : (renderInstant(row.knownUs) ?? "never"),
    value: shorten(value, 60),
    counts: row.rule === undefined ? "yes" : `no: ${rules[row.rule]}`,
    file: row.file === null ? "" : relative(root, row.file),
    row: row.fileRow,
  };
}

function indent(text: string, spaces: number): string {
  return text.split("\n").map((line) => `${" ".repeat(spaces)}${line}`).join("\n");
}
