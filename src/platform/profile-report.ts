/** A profile as people read it, in a line a column or at length, and as data. */
import type {Bin, ColumnProfile, Distribution, Profile} from "../pipeline/profile.js";
import {formatCount, formatNumber} from "./format.js";
import {renderTable} from "./table.js";

/** From nothing to most: eighths of a line's height, or what a terminal without Unicode can show. */
const levels = {blocks: " ▁▂▃▄▅▆▇█", ascii: " .:-=+*#@"} as const;
const bars = {blocks: "█", ascii: "#"} as const;
export type BarStyle = keyof typeof levels;

const textMax = 24;
const barMax = 40;

export function profileToData(profile: Profile): Record<string, unknown> {
  return {
    files: profile.files,
    rows: profile.rows,
    columns: profile.columns.map((column) => ({
      name: column.name,
      type: column.type,
      nulls: column.nulls,
      nans: column.nans,
      ...(column.distinctEstimate === undefined ? {} : {distinct_estimate: column.distinctEstimate}),
      ...(column.kind === "text" && column.min !== undefined ? {min: column.min, max: column.max} : {}),
      ...(column.lengths ? {list_length: column.lengths} : {}),
      ...(column.distribution ? {[measureNames[column.kind]]: distributionToData(column.distribution, column.kind === "time")} : {}),
      top_values: column.topValues,
    })),
  };
}

/** What a distribution is one of. */
const measureNames: Readonly<Record<ColumnProfile["kind"], string>> = {number: "values", time: "values", text: "values", list: "list_lengths", vector: "norms"};

function distributionToData({min, q25, median, q75, max, mean, histogram}: Distribution, isTime: boolean): Record<string, unknown> {
  const value = (text: string): number | string => (isTime ? text : toNumber(text));
  return {
    min: value(min),
    q25: value(q25),
    median: value(median),
    q75: value(q75),
    max: value(max),
    ...(mean === undefined ? {} : {mean: Number.isFinite(mean) ? mean : String(mean)}),
    histogram: histogram.map(({low, high, rows}) => ({low: isTime ? renderInstant(low) : low, high: isTime ? renderInstant(high) : high, rows})),
  };
}

/** JSON has no infinity, and readers lose digits of whole numbers beyond 2^53: those stay text. */
function toNumber(text: string): number | string {
  const value = Number(text);
  const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value) || /[.e]/.test(text));
  return isExact ? value : text;
}

const renderInstant = (us: number): string => new Date(us / 1000).toISOString().replace("T", " ").replace(/(\.000)?Z$/, "");

/** `what` is what was profiled, as the user wrote it. */
export function renderProfile(profile: Profile, {what, isDetailed, style}: {readonly what: string; readonly isDetailed: boolean; readonly style: BarStyle}): string {
  const head = `${what}: ${formatNumber(profile.rows, "row")} in ${formatNumber(profile.files.length, "file")}`;
  if (isDetailed) return [head, ...profile.columns.map((column) => renderColumn(column, profile.rows, style))].join("\n\n");
  const rows = profile.columns.map((column) => summarize(column, profile.rows, style));
  return `${head}\n\n${renderTable(["column", "type", "nulls", "distinct", "min", "median", "max", "mean", "values"], rows)}`;
}

type Summary = Record<"column" | "type" | "nulls" | "distinct" | "min" | "median" | "max" | "mean" | "values", string>;

function summarize(column: ColumnProfile, rows: number, style: BarStyle): Summary {
  const {distribution} = column;
  const prefix = measurePrefix(column);
  return {
    column: column.name,
    type: shorten(column.type),
    nulls: `${column.nulls === 0 ? "0" : renderShare(column.nulls, rows)}${column.nans === 0 ? "" : `, NaN ${renderShare(column.nans, rows)}`}`,
    distinct: column.distinctEstimate === undefined ? "" : `~${formatCount(column.distinctEstimate)}`,
    min: prefix + formatValue(distribution?.min ?? column.min),
    median: prefix + formatValue(distribution?.median),
    max: prefix + formatValue(distribution?.max ?? column.max),
    mean: distribution?.mean === undefined ? "" : prefix + formatDecimal(distribution.mean),
    values: distribution ? renderSpark(distribution.histogram, style) : column.topValues.slice(0, 3).map((top) => `${shorten(top.value)} ${renderShare(top.rows, rows)}`).join(", "),
  };
}

function measurePrefix({kind, distribution}: ColumnProfile): string {
  if (!distribution) return "";
  return kind === "list" ? "len " : kind === "vector" ? "norm " : "";
}

function renderColumn(column: ColumnProfile, rows: number, style: BarStyle): string {
  const {distribution, lengths, topValues} = column;
  const facts: [string, string][] = [["nulls", `${formatCount(column.nulls)} (${renderShare(column.nulls, rows)})`]];
  if (column.nans > 0) facts.push(["NaN", `${formatCount(column.nans)} (${renderShare(column.nans, rows)})`]);
  if (column.distinctEstimate !== undefined) facts.push(["distinct", `about ${formatCount(column.distinctEstimate)}`]);
  if (lengths) facts.push(["length", lengths.min === lengths.max ? String(lengths.min) : `${lengths.min} to ${lengths.max}`]);
  if (distribution) {
    const of = column.kind === "vector" ? "norm: " : column.kind === "list" ? "length: " : "";
    const quartiles = [distribution.min, distribution.q25, distribution.median, distribution.q75, distribution.max];
    facts.push([`${of}quartiles`, quartiles.map(formatValue).join(" | ")]);
    if (distribution.mean !== undefined) facts.push([`${of}mean`, formatDecimal(distribution.mean)]);
  } else if (column.min !== undefined) {
    facts.push(["min", formatValue(column.min)], ["max", formatValue(column.max)]);
  }
  const isTime = column.kind === "time";
  const sections = [
    `${column.name} ${column.type}`,
    ...facts.map(([label, text]) => `  ${label}: ${text}`),
    ...renderBars((distribution?.histogram ?? []).map((bin) => ({label: renderBin(bin, isTime), rows: bin.rows})), style),
    ...(topValues.length === 0 ? [] : ["  most frequent:", ...renderBars(topValues.map((top) => ({label: shorten(top.value), rows: top.rows})), style)]),
  ];
  return sections.join("\n");
}

function renderBin({low, high}: Bin, isTime: boolean): string {
  const [from, to] = isTime ? [renderInstant(low), renderInstant(high)] : [formatDecimal(low), formatDecimal(high)];
  return from === to ? from : `${from} .. ${to}`;
}

function renderBars(lines: readonly {readonly label: string; readonly rows: number}[], style: BarStyle): string[] {
  const most = Math.max(1, ...lines.map(({rows}) => rows));
  const [labelWidth, countWidth] = [Math.max(0, ...lines.map(({label}) => label.length)), formatCount(most).length];
  return lines.map(({label, rows}) => {
    const bar = bars[style].repeat(rows === 0 ? 0 : Math.max(1, Math.round((rows / most) * barMax)));
    return `    ${label.padStart(labelWidth)}  ${formatCount(rows).padStart(countWidth)}  ${bar}`.trimEnd();
  });
}

/** A level for each bin; a bin with any rows is never drawn as empty. */
function renderSpark(histogram: readonly Bin[], style: BarStyle): string {
  const most = Math.max(1, ...histogram.map(({rows}) => rows));
  const top = levels[style].length - 1;
  return histogram.map(({rows}) => levels[style][rows === 0 ? 0 : Math.max(1, Math.round((rows / most) * top))]).join("");
}

const renderShare = (part: number, whole: number): string => `${whole === 0 ? 0 : Number(((part / whole) * 100).toPrecision(3))} %`;

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, " ");
  return line.length > textMax ? `${line.slice(0, textMax - 3)}...` : line;
};

function formatValue(text: string | undefined): string {
  if (text === undefined) return "";
  const value = Number(text);
  return /^-?[\d.]+(e[+-]?\d+)?$/i.test(text) && !Number.isInteger(value) ? formatDecimal(value) : shorten(text);
}

const formatDecimal = (value: number): string => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));
