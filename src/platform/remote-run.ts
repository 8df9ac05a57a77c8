/** What runners on other machines share: the request, a window of days in flight, and how our own printed errors are read back. */
import {DaedalusError} from "../errors.js";

export interface RemoteRequest {
  readonly service: string;
  /** Days to be made, in groups that go one after another: later ones may be compared with earlier ones. */
  readonly dayGroups: readonly (readonly string[])[];
  /** Flags of every command on the project, such as `--set`. */
  readonly projectFlags: readonly string[];
  /** Flags of `pipeline train` besides those, the service, the day and the stage. */
  readonly trainFlags: readonly string[];
  readonly stages: "both" | "skeleton" | "enrich";
  /** Days at the same time; undefined: as many as the runner finds right. */
  readonly daysInFlight: number | undefined;
}

export interface RemoteEffects {
  /** Aborted when the run is to end: stop the work, wherever it is, then return or throw. */
  readonly signal: AbortSignal;
  readonly log: (text: string) => void;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Returns when every day of the request is published.
 * @throws DaedalusError `remote-day-failed` for the first day that is not
 */
export type RemoteRunner = (request: RemoteRequest, effects: RemoteEffects) => Promise<void>;

/** Runs the pieces of each group with at most `width` at a time. After a failure no piece is begun, those in flight go on to their end. */
export async function runWindow<T>(groups: readonly (readonly T[])[], width: number, signal: AbortSignal, run: (piece: T) => Promise<void>): Promise<void> {
  for (const group of groups) {
    const queue = [...group];
    const errors: unknown[] = [];
    const work = async (): Promise<void> => {
      for (let piece = queue.shift(); piece !== undefined && errors.length === 0 && !signal.aborted; piece = queue.shift()) {
        await run(piece).catch((error: unknown) => errors.push(error));
      }
    };
    await Promise.all(Array.from({length: Math.min(width, group.length)}, work));
    if (signal.aborted) throw DaedalusError.of("interrupted", {});
    if (errors.length > 0) throw errors[0];
  }
}

/** The message of a line in which our command line says an error. */
export function findErrorMessage(line: string): string | undefined {
  return /^(?:\S+:\d+:\d+: )?error [a-z][a-z-]*: (.*)$/.exec(line)?.[1];
}

export const stageFlags = {both: [], skeleton: ["--skeleton-only"], enrich: ["--enrich-only"]} as const;
