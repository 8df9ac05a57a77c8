/** A run as a child process of its own: what ends it, memory or a native crash, ends nothing else. */
import {spawn} from "node:child_process";
import {createInterface} from "node:readline";
import {DaedalusError} from "../../errors.js";
import type {Runner} from "./runner.js";
import {classifyLine, trainArguments} from "./train-arguments.js";

/** A training run stops at its next clean point; one that cannot is ended. */
const graceMs = 15_000;

export const localRunner: Runner = {
  run: async (request, {signal, log, environment, directory, cliPath}) => {
    const child = spawn(process.execPath, [cliPath, ...trainArguments(request)], {
      cwd: directory,
      env: {...environment, NO_COLOR: "1"},
      stdio: ["ignore", "pipe", "pipe"],
    });
    let found: ReturnType<typeof classifyLine> | undefined;
    createInterface({input: child.stdout}).on("line", (line) => log(line));
    createInterface({input: child.stderr}).on("line", (line) => {
      const said = classifyLine(line);
      if (said.level === "error") found ??= said;
      log(line, said.level);
    });
    let killing: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill("SIGTERM");
      killing = setTimeout(() => child.kill("SIGKILL"), graceMs);
    };
    signal.addEventListener("abort", stop, {once: true});
    if (signal.aborted) stop();
    try {
      const {exitCode, endedBy} = await new Promise<{exitCode: number | null; endedBy: string | null}>((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (code, by) => resolve({exitCode: code, endedBy: by}));
      });
      if (exitCode === 0) return;
      if (signal.aborted) throw DaedalusError.of("interrupted", {});
      const reason = found?.message ?? (endedBy === null ? `exit code ${exitCode}` : `its process was ended by ${endedBy}`);
      throw DaedalusError.of("run-failed", {reason, code: found?.code});
    } finally {
      clearTimeout(killing);
      signal.removeEventListener("abort", stop);
    }
  },
};
