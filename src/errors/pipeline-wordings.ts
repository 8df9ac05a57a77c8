/** Days that cannot be made, checked or published. */
import {didYouMean, list, type WordingTable} from "./wording.js";

export const pipelineWordings = {
  "partition-locked": (p: {what: string; path: string; pid: number; host: string}) => ({
    text: `${p.what} is being written by process ${p.pid} on ${p.host}`,
    hint: `wait for it to end; if it runs no more, remove ${p.path}`,
  }),
  "disk-full": (p: {path: string; reason: string}) => ({
    text: `no space left while writing ${p.path}: ${p.reason}`,
    hint: "free space, or set output_root and duckdb_config.temp_directory to a larger disk; finished days are kept",
  }),
  "operator-failed": (p: {operator: string; reason: string}) => ({text: `operator "${p.operator}" failed: ${p.reason}`}),
  "engine-unknown": (p: {engine: string; nearest?: string | undefined; engines: readonly string[]}) => ({
    text: `there is no aggregation engine "${p.engine}"`,
    hint: didYouMean(p.nearest) ?? `there are ${list(p.engines)}`,
  }),
  "day-wrong": (p: {day: string}) => ({text: `"${p.day}" is not a day`, hint: "write it as YYYY-MM-DD"}),
  "day-empty": (p: {day: string; view: string; nearest: readonly string[]}) => ({
    text: `view "${p.view}" has no rows on ${p.day}`,
    hint: p.nearest.length > 0 ? `days with rows nearby: ${p.nearest.join(", ")}` : undefined,
  }),
  "range-wrong": (p: {firstDay: string; lastDay: string}) => ({text: `the days end on ${p.lastDay}, before they begin on ${p.firstDay}`}),
  "range-empty": (p: {firstDay: string; lastDay: string; view: string}) => ({text: `view "${p.view}" has no rows from ${p.firstDay} to ${p.lastDay}`}),
  "months-empty": (p: {first: string; last: string; view: string}) => ({
    text: `view "${p.view}" has no rows in the months ${p.first} to ${p.last}`,
    hint: 'set "feed_start" and "feed_end" of runtime.yaml to months with data',
  }),
  "month-empty": (p: {month: string; view: string}) => ({text: `view "${p.view}" has no rows in the month ${p.month}`}),
  "months-missing": (p: {key: string}) => ({
    text: `which days to train is not said: "${p.key}" is missing`,
    hint: 'set "feed_start" and "feed_end" (YYYYMM) in runtime.yaml, or name a day with --target-date',
  }),
  "skeleton-missing": (p: {service: string; day: string}) => ({
    text: `there is no skeleton of "${p.service}" for ${p.day} to enrich`,
    hint: "run without --enrich-only, or with --skeleton-only first",
  }),
  "skeleton-stale": (p: {service: string; day: string; reason: string}) => ({
    text: `the skeleton of "${p.service}" for ${p.day} is not current: ${p.reason}`,
    hint: "run without --enrich-only",
  }),
  "checks-failed": (p: {service: string; day: string; failed: readonly string[]; staged: string}) => ({
    text: `${p.service} ${p.day} failed its checks: ${p.failed.join("; ")}`,
    hint: `the partition was not published; what was computed is in ${p.staged}`,
  }),
  "partition-missing": (p: {service: string; stage: string; day: string; reason: string; nearest: readonly string[]}) => ({
    text: `the ${p.stage} of service "${p.service}" has no day ${p.day}${p.reason === "missing" ? "" : `: ${p.reason}`}`,
    hint: p.nearest.length > 0 ? `published days nearby: ${p.nearest.join(", ")}` : `no day is published: daeda pipeline train ${p.service}`,
  }),
  "profile-column-missing": (p: {path: string; column: string; nearest?: string | undefined; columns: readonly string[]}) => ({
    text: `${p.path} has no column "${p.column}"`,
    hint: didYouMean(p.nearest) ?? `its columns are ${list(p.columns)}`,
  }),
  "check-impossible": (p: {check: string; column: string; type: string; expected: string}) => ({
    text: `"${p.check}" checks ${p.expected}, but column "${p.column}" is ${p.type}`,
    hint: "remove the check, or check another column",
  }),
  "source-changed": (p: {view: string; file: string; day: string}) => ({
    text: `a file of view "${p.view}" changed while ${p.day} was read: ${p.file}`,
    hint: "run again when nothing writes to it; the day was not published",
  }),
  "output-denied": (p: {location: string; reason: string}) => ({
    text: `the store of the output refuses ${p.location}: ${p.reason}`,
    hint: "check the keys of output_store, what they may do, and the clock of this machine; what was published stays",
  }),
  "output-unreachable": (p: {location: string; reason: string}) => ({
    text: `the store of the output does not answer for ${p.location}: ${p.reason}`,
    hint: "check endpoint and network, and run again: what was published stays",
  }),
  "output-refused": (p: {location: string; reason: string}) => ({
    text: `the store of the output cannot serve ${p.location}: ${p.reason}`,
    hint: "check bucket, region and url_style; what was published stays",
  }),
  "lake-unwritable": (p: {table: string; reason: string}) => ({
    text: `the table ${p.table} of output_lake cannot be written: ${p.reason}`,
    hint: "check its database_path and what its user may do; partitions that were published stay, and the next run writes to the lake what it does not have",
  }),
  "lake-type": (p: {table: string; column: string; had: string; has: string}) => ({
    text: `column "${p.column}" of the table ${p.table} of output_lake is ${p.had}, and ${p.has} now, which it cannot become`,
    hint: "give the column of the service another name, or drop that of the table; the partition itself is published",
  }),
  "output-unwritable": (p: {path: string; reason: string}) => ({text: `cannot write to ${p.path}: ${p.reason}`}),
} as const satisfies WordingTable;
