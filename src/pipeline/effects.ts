/** The outside world as an argument, with the real one as default. */
import type {DaedalusError} from "../errors.js";
import type {Environment} from "../sources/environment.js";
import type {Stage} from "./partition.js";
import type {CheckResult} from "./quality.js";

/** What a run reports while it goes on; plain data, so that any face can show it. */
export type TrainEvent =
  | {readonly kind: "plan"; readonly service: string; readonly days: readonly string[]; readonly current: readonly string[]}
  | {readonly kind: "day-start"; readonly day: string; readonly reason: string}
  | {readonly kind: "day-stage"; readonly day: string; readonly stage: "skeleton" | "enrich" | "publish"}
  /** Before the partition is published, or is not because a check failed. */
  | {readonly kind: "day-checks"; readonly day: string; readonly stage: Stage; readonly checks: readonly CheckResult[]}
  | {readonly kind: "day-done"; readonly day: string; readonly rows: number; readonly seconds: number}
  | {readonly kind: "warning"; readonly problem: DaedalusError};

export interface Effects {
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainEvent) => void;
  readonly environment: Environment;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export const realEffects: Effects = {
  signal: new AbortController().signal,
  onEvent: () => undefined,
  environment: process.env,
  now: Date.now,
};
