/**
 * Records and logs of runs: files below `.daedalus/runs` of the project, so that they survive whoever wrote them and any number of
 * processes share them. A record is replaced as a whole; whoever changes one that others may change holds the lock.
 */
import {createHash} from "node:crypto";
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {DaedalusError} from "../../errors.js";
import {acquireLock} from "../../pipeline/lock.js";
import {isFinished, runIdPattern, runRecordSchema, type RunRecord} from "./run-record.js";

const lockTries = 500;

export class RunStore {
  readonly directory: string;

  constructor(projectRoot: string) {
    this.directory = join(projectRoot, ".daedalus", "runs");
  }

  logPath(runId: string): string {
    return join(this.#directoryOf(runId), "log.jsonl");
  }

  /** @throws DaedalusError `run-unknown`, also for what is no id at all */
  get(runId: string): RunRecord {
    const record = this.find(runId);
    if (!record) throw DaedalusError.of("run-unknown", {run: runId.slice(0, 80)});
    return record;
  }

  /** @throws DaedalusError `file-unreadable` */
  find(runId: string): RunRecord | undefined {
    if (!runIdPattern.test(runId)) return undefined;
    const path = this.#recordPath(runId);
    try {
      return runRecordSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw DaedalusError.of("file-unreadable", {path, reason: "it is no record of a run"}, {cause: error});
    }
  }

  /** For whoever looks at many: a record that is broken, as after a power cut, stops none of the others. */
  findReadable(runId: string): RunRecord | undefined {
    try {
      return this.find(runId);
    } catch (error) {
      if (error instanceof DaedalusError) return undefined;
      throw error;
    }
  }

  /** All ids, newest first. */
  ids(): readonly string[] {
    if (!existsSync(this.directory)) return [];
    return readdirSync(this.directory).filter((name) => runIdPattern.test(name)).sort().reverse();
  }

  /** Runs that are queued or running, oldest first. */
  active(): readonly RunRecord[] {
    const directory = join(this.directory, "active");
    if (!existsSync(directory)) return [];
    return readdirSync(directory).sort().flatMap((id) => this.findReadable(id) ?? []);
  }

  /** The run that was asked for with this key. */
  findByKey(key: string): RunRecord | undefined {
    const path = this.#keyPath(key);
    return existsSync(path) ? this.find(readFileSync(path, "utf8").trim()) : undefined;
  }

  /** Writes the record of a new run, or of one that went on. */
  put(record: RunRecord): void {
    const directory = this.#directoryOf(record.run_id);
    const active = join(this.directory, "active", record.run_id);
    mkdirSync(directory, {recursive: true});
    mkdirSync(join(this.directory, "active"), {recursive: true});
    if (!isFinished(record)) writeFileSync(active, "");
    const path = this.#recordPath(record.run_id);
    const temporaryPath = `${path}.${process.pid}.tmp`;
    writeFileSync(temporaryPath, `${JSON.stringify(record, null, 2)}\n`, {mode: 0o600});
    renameSync(temporaryPath, path);
    if (isFinished(record)) rmSync(active, {force: true});
    if (record.idempotency_key !== null && record.status === "queued") {
      mkdirSync(join(this.directory, "keys"), {recursive: true});
      writeFileSync(this.#keyPath(record.idempotency_key), record.run_id);
    }
  }

  /** Asks the process that keeps the run to end it; a file, because that process may be on another machine. */
  requestCancel(runId: string): void {
    writeFileSync(this.#cancelPath(runId), "");
  }

  isCancelRequested(runId: string): boolean {
    return existsSync(this.#cancelPath(runId));
  }

  /** Nobody else changes records meanwhile. Waits for its turn. */
  async locked<T>(work: () => T): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const lock = acquireLock(join(this.directory, ".lock"), "the queue of runs");
        try {
          return work();
        } finally {
          lock.release();
        }
      } catch (error) {
        const isHeld = error instanceof DaedalusError && error.code === "partition-locked";
        if (!isHeld || attempt === lockTries) throw error;
        await sleep(10 + Math.random() * 20);
      }
    }
  }

  #directoryOf(runId: string): string {
    return join(this.directory, runId);
  }

  #recordPath(runId: string): string {
    return join(this.#directoryOf(runId), "run.json");
  }

  #cancelPath(runId: string): string {
    return join(this.#directoryOf(runId), "cancel");
  }

  #keyPath(key: string): string {
    return join(this.directory, "keys", createHash("sha256").update(key).digest("hex"));
  }
}
