/** The words of runs; the command line names them before it loads anything else. */
export const runnerNames = ["local", "ray", "dagster"] as const;
export const runStatuses = ["queued", "running", "succeeded", "failed", "cancelled"] as const;

export type RunnerName = (typeof runnerNames)[number];
