/** What an audit answers, for machines and on a terminal. */
import type {AuditExample, AuditReport, ColumnAudit} from "../pipeline/audit.js";
import {formatCount, formatDuration, formatNumber} from "./format.js";
import type {AuditAnswer} from "./schemas/audit-schemas.js";
import {renderTable} from "./table.js";

export function auditToData(report: AuditReport): AuditAnswer {
  return {
    path: report.path,
    service: report.service ?? null,
    passed: report.isPassed,
    rows: report.rows,
    rows_checked: report.rowsChecked,
    seed: report.seed ?? null,
    columns: report.columns.map((column) => ({
      name: column.name,
      definition: column.definition,
      status: column.status,
      rows_checked: column.rowsChecked,
      mismatches: column.mismatches,
      examined: column.examined,
      used_future: column.usedFuture,
      worst_lead_us: column.worstLeadUs ?? null,
      explanations: column.explanations.map(({text, rows, usesFuture}) => ({text, rows, uses_future: usesFuture})),
      examples: column.examples,
    })),
    not_audited: report.skipped,
    notes: report.notes,
    contradictions: report.contradictions,
  };
}

/** How long after its row's instant something became known. */
export function formatLead(leadUs: number | undefined): string {
  if (leadUs === undefined) return "";
  if (leadUs === 0) return "same instant";
  if (leadUs < 1000) return `${leadUs} µs`;
  if (leadUs < 1_000_000) return `${Math.round(leadUs / 1000)} ms`;
  return leadUs >= 172_800_000_000 ? `${(leadUs / 86_400_000_000).toFixed(1)} days` : formatDuration(leadUs / 1e6);
}

export function describeScope(report: AuditReport): string {
  const what = report.seed === undefined ? `all ${formatNumber(report.rows, "row")}` : `${formatCount(report.rowsChecked)} of ${formatCount(report.rows)} rows, seed ${report.seed}`;
  return `${report.path}${report.service === undefined ? "" : ` (${report.service})`}: ${what}`;
}

export function describeVerdict(report: AuditReport): string {
  const leaks = report.columns.filter((column) => column.status === "leak");
  const wrong = report.columns.filter((column) => column.mismatches > 0);
  if (report.isPassed) return `${formatNumber(report.columns.length, "column")} checked, none differs`;
  const parts = [
    ...(leaks.length > 0 ? [`${formatNumber(leaks.length, "column")} used the future`] : []),
    ...(wrong.length > leaks.length ? [`${formatNumber(wrong.length - leaks.length, "column")} ${wrong.length - leaks.length === 1 ? "differs" : "differ"} without a leak`] : []),
    ...(report.contradictions.length > 0 ? ["a manifest does not fit its files"] : []),
  ];
  return parts.join("; ");
}

export function renderAudit(report: AuditReport): string {
  const rows = report.columns.map((column) => ({
    column: column.name,
    status: column.status,
    mismatches: formatCount(column.mismatches),
    "used the future": formatCount(column.usedFuture),
    "worst lead": formatLead(column.worstLeadUs),
    definition: column.definition,
  }));
  const lines = [describeScope(report), "", renderTable(["column", "status", "mismatches", "used the future", "worst lead", "definition"], rows)];
  for (const column of report.columns) if (column.mismatches > 0) lines.push("", ...renderFinding(column));
  if (report.skipped.length > 0) lines.push("", "not audited:", ...report.skipped.map(({name, reason}) => `  ${name}: ${reason}`));
  const said = [...report.contradictions, ...report.notes];
  if (said.length > 0) lines.push("", ...said.map((text) => `note: ${text}`));
  return [...lines, "", describeVerdict(report)].join("\n");
}

function renderFinding(column: ColumnAudit): string[] {
  const examined = column.examined < column.mismatches ? ` (of the first ${formatCount(column.examined)})` : "";
  return [
    `${column.name}: ${formatNumber(column.mismatches, "row")} of ${formatCount(column.rowsChecked)} differ`,
    ...column.explanations.map(({text, rows, usesFuture}) => `  ${formatNumber(rows, "row")}${examined}: ${text}${usesFuture ? " (the future)" : ""}`),
    ...column.examples.flatMap((example) => [`  ${describeRow(example)}: ${example.explanation}`, `    stored   ${shorten(example.stored)}`, `    expected ${shorten(example.expected)}`]),
  ];
}

export function describeRow({row}: AuditExample): string {
  return Object.entries(row).map(([name, value]) => `${name}=${value ?? "NULL"}`).join(" ");
}

export function shorten(value: string | null, lengthMax = 160): string {
  if (value === null) return "NULL";
  return value.length > lengthMax ? `${value.slice(0, lengthMax)}... (${value.length} characters)` : value;
}
