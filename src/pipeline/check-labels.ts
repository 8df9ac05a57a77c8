/** What checks are called, by their definitions alone: before any row is read, and the same in reports, manifests and orchestrators. */
import type {ColumnCheck, Service, ServiceColumn, TableCheck} from "../definitions/model.js";

export interface CheckLabel {
  /** As the YAML says it: `aes_score: range [0, 10]`. */
  readonly check: string;
  readonly severity: "error" | "warn";
  /** Undefined for a check of the whole partition. */
  readonly column: string | undefined;
}

export const notNullableLabel = (column: string): string => `${column}: not nullable`;

export function labelColumnCheck(check: ColumnCheck, column: string): string {
  switch (check.kind) {
    case "not_null":
    case "unique":
      return `${column}: ${check.kind}`;
    case "range":
      return `${column}: range [${check.min ?? ""}, ${check.max ?? ""}]`;
    case "accepted_values":
      return `${column}: accepted_values [${check.values.join(", ")}]`;
    case "max_null_fraction":
    case "embedding_coverage":
      return `${column}: ${check.kind} ${check.fraction}`;
    case "drift":
      return `${column}: drift against ${check.againstDay}, max_psi ${check.maxPsi}`;
  }
}

export function labelTableCheck(check: TableCheck): string {
  switch (check.kind) {
    case "min_rows":
      return `min_rows ${check.rows}`;
    case "unique":
      return `unique [${check.columns.join(", ")}]`;
    case "row_count_change":
      return `row_count_change ${check.maxFraction} against ${check.againstDay ?? "previous"}`;
  }
}

/** `nullable: false` is a check by itself, unless one of the column says the same as strictly. */
export const impliesNotNull = ({isNullable, checks}: ServiceColumn): boolean =>
  !isNullable && !checks.some(({kind, severity}) => kind === "not_null" && severity === "error");

/** Every check that gates a day of the service, in the order of its file. */
export function listChecks(service: Service): readonly CheckLabel[] {
  const ofColumns = (service.columns ?? []).flatMap((column): CheckLabel[] => [
    ...(impliesNotNull(column) ? [{check: notNullableLabel(column.name), severity: "error" as const, column: column.name}] : []),
    ...column.checks.map((check) => ({check: labelColumnCheck(check, column.name), severity: check.severity, column: column.name})),
  ]);
  return [...ofColumns, ...service.checks.map((check) => ({check: labelTableCheck(check), severity: check.severity, column: undefined}))];
}
