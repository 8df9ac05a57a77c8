/**
 * The queue of runs. No process owns it: whoever asks for a run, looks at one or ends one moves it on, so that it survives the
 * restart of a server and works without any. Each run has a process of its own that keeps it.
 */
import {spawn} from "node:child_process";
import {hostname} from "node:os";
import {fileURLToPath} from "node:url";
import {DaedalusError} from "../../errors.js";
import {appendLog} from "./run-log.js";
import {endOrphans, findProcessStart, isProcessAlive} from "./run-process.js";
import {isFinished, makeRunId, type RunRecord, type RunRequest} from "./run-record.js";
import {RunStore} from "./run-store.js";

export interface QueueLimits {
  /** Runs that work at the same time. */
  readonly runningMax: number;
  /** Runs that wait. */
  readonly queuedMax: number;
}

export interface RunQueueOptions {
  /** The folder of the project. */
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Default: what the environment says, else 2 and 100. */
  readonly limits?: Partial<QueueLimits> | undefined;
  /** The script of our own command line; default: the one beside this module. */
  readonly cliPath?: string | undefined;
  readonly now?: () => number;
}

export interface RunOrder {
  readonly request: RunRequest;
  readonly requestedBy: string;
  /** A second order with the key of an earlier one is that run. */
  readonly idempotencyKey?: string | undefined;
}

const runningVariable = "DAEDALUS_RUNS_MAX";
const queuedVariable = "DAEDALUS_QUEUE_MAX";

export class RunQueue {
  readonly store: RunStore;
  readonly limits: QueueLimits;
  readonly cliPath: string;
  readonly #options: RunQueueOptions;
  #newestMs = 0;
  #advancing: Promise<void> | undefined;

  constructor(options: RunQueueOptions) {
    const {environment, limits} = options;
    this.#options = options;
    this.store = new RunStore(options.directory);
    this.limits = {
      runningMax: limits?.runningMax ?? readLimit(environment, runningVariable, 2),
      queuedMax: limits?.queuedMax ?? readLimit(environment, queuedVariable, 100),
    };
    this.cliPath = options.cliPath ?? fileURLToPath(new URL("../daeda.js", import.meta.url));
  }

  /** Puts a run into the queue, and starts it when its turn is now. */
  async submit({request, requestedBy, idempotencyKey}: RunOrder): Promise<RunRecord> {
    const run = await this.store.locked(() => {
      const earlier = idempotencyKey === undefined ? undefined : this.store.findByKey(idempotencyKey);
      if (earlier) return checkSameRequest(earlier, request);
      const waiting = this.store.active().filter(({status}) => status === "queued").length;
      if (waiting >= this.limits.queuedMax) throw DaedalusError.of("queue-full", {limit: this.limits.queuedMax});
      const nowMs = this.#nextMs();
      const record: RunRecord = {
        run_id: makeRunId(nowMs),
        status: "queued",
        request,
        requested_by: requestedBy,
        idempotency_key: idempotencyKey ?? null,
        created_at: new Date(nowMs).toISOString(),
        ...{started_at: null, finished_at: null, host: null, pid: null, process_started: null, error: null},
        external: {},
      };
      this.store.put(record);
      return record;
    });
    await this.advance();
    return this.store.get(run.run_id);
  }

  /** Marks runs whose process died, and starts those whose turn it is. All who ask while one of them waits for the lock are served by that one. */
  async advance(): Promise<void> {
    if (this.store.active().length === 0) return;
    this.#advancing ??= this.store.locked(() => this.#advance()).finally(() => (this.#advancing = undefined));
    await this.#advancing;
  }

  /** @throws DaedalusError `run-unknown`, or `run-finished` for one that has succeeded or failed */
  async cancel(runId: string): Promise<RunRecord> {
    await this.advance();
    const cancelled = await this.store.locked(() => {
      const run = this.store.get(runId);
      if (run.status === "cancelled") return run;
      if (isFinished(run)) throw DaedalusError.of("run-finished", {run: runId, status: run.status});
      if (run.status === "queued") {
        const finished: RunRecord = {...run, status: "cancelled", finished_at: this.#nowText()};
        this.store.put(finished);
        return finished;
      }
      this.store.requestCancel(runId);
      return run;
    });
    return cancelled;
  }

  /** The run as it is now: one whose process died is found by whoever looks. */
  async look(runId: string): Promise<RunRecord> {
    const run = this.store.get(runId);
    if (isFinished(run)) return run;
    await this.advance();
    return this.store.get(runId);
  }

  #advance(): void {
    const active = this.store.active().map((run) => (run.status === "running" && !isProcessAlive(run) ? this.#bury(run) : run));
    const running = active.filter(({status}) => status === "running");
    for (const run of active) {
      if (running.length >= this.limits.runningMax) return;
      if (run.status !== "queued" || running.some((other) => isOverlapping(run.request, other.request))) continue;
      running.push(this.#start(run));
    }
  }

  #bury(run: RunRecord): RunRecord {
    endOrphans(run);
    const isCancelled = this.store.isCancelRequested(run.run_id);
    const error = {code: "run-lost", message: DaedalusError.of("run-lost", {pid: run.pid ?? 0}).message};
    const buried: RunRecord = {...run, status: isCancelled ? "cancelled" : "failed", finished_at: this.#nowText(), error: isCancelled ? null : error};
    appendLog(this.store.logPath(run.run_id), {at: this.#nowText(), level: "error", text: error.message});
    this.store.put(buried);
    return buried;
  }

  /** The process leads a group of its own, so that neither a closed terminal nor a stopped server ends it. */
  #start(run: RunRecord): RunRecord {
    const {directory, environment} = this.#options;
    const child = spawn(process.execPath, [this.cliPath, "runs", "keep", run.run_id], {
      cwd: directory,
      env: {...environment, [runningVariable]: String(this.limits.runningMax), [queuedVariable]: String(this.limits.queuedMax)},
      detached: true,
      stdio: "ignore",
    });
    // A process that cannot be made has no number; the run is marked by the next look.
    child.on("error", () => undefined);
    child.unref();
    const pid = child.pid ?? null;
    const started: RunRecord = {
      ...run,
      status: "running",
      started_at: this.#nowText(),
      host: hostname(),
      pid,
      process_started: pid === null ? null : findProcessStart(pid),
    };
    this.store.put(started);
    return started;
  }

  /** No two ids of one process share an instant, so that they sort in the order in which they were asked for. */
  #nextMs(): number {
    this.#newestMs = Math.max(this.#newestMs + 1, (this.#options.now ?? Date.now)());
    return this.#newestMs;
  }

  #nowText(): string {
    return new Date((this.#options.now ?? Date.now)()).toISOString();
  }
}

function readLimit(environment: NodeJS.ProcessEnv, variable: string, fallback: number): number {
  const text = environment[variable];
  if (text === undefined || text === "") return fallback;
  if (!/^[1-9]\d{0,4}$/.test(text)) throw DaedalusError.of("value-wrong", {key: variable, expected: "a whole number above 0", found: `"${text}"`});
  return Number(text);
}

function checkSameRequest(run: RunRecord, request: RunRequest): RunRecord {
  if (JSON.stringify(run.request) === JSON.stringify(request)) return run;
  throw DaedalusError.of("idempotency-conflict", {run: run.run_id});
}

/** Two runs that would write the same partition go one after the other. */
function isOverlapping(a: RunRequest, b: RunRequest): boolean {
  return a.service === b.service && a.output_root === b.output_root && a.first_day <= b.last_day && b.first_day <= a.last_day;
}
