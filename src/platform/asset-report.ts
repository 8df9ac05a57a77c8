/** Published days and lineage on a terminal. */
import {formatBytes, formatCount, formatPath} from "./format.js";
import type {LineageAnswer, PartitionPage} from "./schemas/asset-schemas.js";
import {renderTable} from "./table.js";

/** `directory`: the reader's. */
export function renderPartitions({partitions, directory: path, next_cursor: next}: PartitionPage, directory: string): string {
  if (partitions.length === 0) return `no day is published in ${formatPath(path, directory)}`;
  const rows = partitions.map((one) => ({
    day: one.day,
    rows: one.rows === null ? "" : formatCount(one.rows),
    size: one.bytes === null ? "" : formatBytes(one.bytes),
    written: one.written_at === null ? "" : one.written_at.slice(0, 19).replace("T", " "),
    notes: one.problem ?? one.warnings.map(({check, found}) => `${check} (${found})`).join("; "),
  }));
  return [renderTable(["day", "rows", "size", "written", "notes"], rows), ...(next === null ? [] : [`more: --cursor ${next}`]), formatPath(path, directory)].join("\n");
}

export function renderLineage({columns}: LineageAnswer): string {
  const rows = columns.map(({name, sources, stores}) => ({
    column: name,
    "made from": [...sources.map(({view, column}) => `${view}.${column}`), ...stores.map((store) => `store ${store}`)].join(", ") || "its default",
  }));
  return renderTable(["column", "made from"], rows);
}
