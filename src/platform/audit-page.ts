/** An audit as one HTML page that needs nothing else: no script, no font, no address. */
import type {AuditReport, ColumnAudit} from "../pipeline/audit.js";
import {describeRow, describeScope, describeVerdict, formatLead, shorten} from "./audit-report.js";
import {formatCount} from "./format.js";

const style = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1d232a; background: #fff; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dde3; vertical-align: top; }
td.number { text-align: right; } code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.ok { color: #1a6b3c; } .leak { color: #a4161a; font-weight: 600; } .mismatch { color: #9a5b00; font-weight: 600; } .risk { color: #6b4fa0; }
@media (prefers-color-scheme: dark) { body { color: #e6e9ed; background: #14181d; } th, td { border-color: #39424d; } .ok { color: #62c98b; } .leak { color: #ff8a8a; } .mismatch { color: #f2b35c; } .risk { color: #b9a2ea; } }
`;

/** Text as it stands between tags or inside a quoted attribute. */
function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

export function renderAuditPage(report: AuditReport): string {
  const title = `Audit of ${report.path}`;
  const said = [...report.contradictions, ...report.notes];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style></head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(describeScope(report))}</p>
<p class="${report.isPassed ? "ok" : "leak"}">${escapeHtml(describeVerdict(report))}</p>
${said.map((text) => `<p>${escapeHtml(text)}</p>`).join("\n")}
<table>
<thead><tr><th>column</th><th>status</th><th>mismatches</th><th>used the future</th><th>worst lead</th><th>definition</th></tr></thead>
<tbody>
${report.columns.map(renderRow).join("\n")}
</tbody>
</table>
${report.columns.filter((column) => column.mismatches > 0).map(renderFinding).join("\n")}
${report.skipped.length === 0 ? "" : `<h2>Not audited</h2>\n<ul>${report.skipped.map(({name, reason}) => `<li><code>${escapeHtml(name)}</code>: ${escapeHtml(reason)}</li>`).join("")}</ul>`}
</body>
</html>
`;
}

function renderRow(column: ColumnAudit): string {
  const cells = [
    `<td><code>${escapeHtml(column.name)}</code></td>`,
    `<td class="${column.status}">${column.status}</td>`,
    `<td class="number">${formatCount(column.mismatches)}</td>`,
    `<td class="number">${formatCount(column.usedFuture)}</td>`,
    `<td>${escapeHtml(formatLead(column.worstLeadUs))}</td>`,
    `<td>${escapeHtml(column.definition)}</td>`,
  ];
  return `<tr>${cells.join("")}</tr>`;
}

function renderFinding(column: ColumnAudit): string {
  const explanations = column.explanations.map(({text, rows}) => `<li>${formatCount(rows)}: ${escapeHtml(text)}</li>`).join("");
  const examples = column.examples.map(
    (example) =>
      `<tr><td><code>${escapeHtml(describeRow(example))}</code></td><td><code>${escapeHtml(shorten(example.stored, 2000))}</code></td><td><code>${escapeHtml(shorten(example.expected, 2000))}</code></td><td>${escapeHtml(example.explanation)}</td></tr>`,
  );
  return `<h2><code>${escapeHtml(column.name)}</code>: ${formatCount(column.mismatches)} of ${formatCount(column.rowsChecked)} rows differ</h2>
<ul>${explanations}</ul>
<table><thead><tr><th>row</th><th>stored</th><th>expected</th><th>why</th></tr></thead><tbody>${examples.join("")}</tbody></table>`;
}
