/** Iceberg and Delta tables as their own writers write them: a Python process with pyiceberg and deltalake, asked line by line. */
import {execFileSync, spawn} from "node:child_process";
import {once} from "node:events";
import {createInterface} from "node:readline";
import {fileURLToPath} from "node:url";

export type LakeFormat = "iceberg" | "delta";

export interface LakeStep {
  readonly format: LakeFormat;
  readonly table: string;
  readonly files?: readonly string[];
  readonly partition?: string;
  readonly delete?: string;
  readonly expire?: string;
}

export interface LakeAnswer {
  readonly snapshot: string | number;
  readonly metadata: string;
}

interface LakeRequest {
  readonly root: string;
  readonly catalog: string;
  readonly store: {readonly endpoint: string; readonly key: string; readonly secret: string} | undefined;
  readonly steps: readonly LakeStep[];
}

export interface LakeWriter {
  write(request: LakeRequest): Promise<readonly LakeAnswer[]>;
  stop(): Promise<void>;
}

/** Why there is none; undefined when there is. */
export function findMissingWriter(python: string | undefined): string | undefined {
  if (python === undefined) return "DAEDALUS_PYTHON is not set";
  try {
    execFileSync(python, ["-c", "import deltalake, pyiceberg, pyiceberg_core, sqlalchemy"], {stdio: "ignore"});
    return undefined;
  } catch {
    return "DAEDALUS_PYTHON has no deltalake and pyiceberg[sql-sqlite,pyiceberg-core]";
  }
}

export function startLakeWriter(python: string): LakeWriter {
  const child = spawn(python, [fileURLToPath(new URL("lake_tables.py", import.meta.url))], {stdio: ["pipe", "pipe", "inherit"]});
  const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
  return {
    write: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const {value} = (await lines.next()) as {value: string | undefined};
      const answer = JSON.parse(value ?? '{"error": "the writer ended"}') as readonly LakeAnswer[] | {readonly error: string};
      if ("error" in answer) throw new Error(answer.error);
      return answer;
    },
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}
