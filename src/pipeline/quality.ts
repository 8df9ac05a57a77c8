export interface CheckResult {
  readonly check: string;
  readonly severity: "error" | "warn";
  readonly isPassed: boolean;
  /** In words: what was found. */
  readonly found: string;
}
