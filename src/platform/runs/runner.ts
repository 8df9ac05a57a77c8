/**
 * Who does the work of a run. A runner decides nothing about partitions: it starts our own command line somewhere, and says how it
 * went. Each is one file; the table loads it on use.
 */
import type {Settings} from "../settings.js";
import type {LogLevel} from "./run-log.js";
import type {RunnerName} from "./run-names.js";
import type {RunRequest} from "./run-record.js";

export interface RunnerEffects {
  /** Aborted when the run is cancelled: end the work, wherever it is, and throw. */
  readonly signal: AbortSignal;
  readonly log: (text: string, level?: LogLevel) => void;
  /** Ids and addresses of jobs elsewhere, kept in the run's record. */
  readonly note: (facts: Readonly<Record<string, string>>) => void;
  readonly environment: NodeJS.ProcessEnv;
  /** The folder of the project. */
  readonly directory: string;
  readonly settings: Settings;
  /** The script of our own command line. */
  readonly cliPath: string;
}

export interface Runner {
  /**
   * Returns when every day of the request is published.
   * @throws DaedalusError such as `run-failed` when one is not, `interrupted` when the signal ended it
   */
  run(request: RunRequest, effects: RunnerEffects): Promise<void>;
}

const runners: Readonly<Record<RunnerName, () => Promise<Runner>>> = {
  local: async () => (await import("./local-runner.js")).localRunner,
};

export const loadRunner = (name: RunnerName): Promise<Runner> => runners[name]();
