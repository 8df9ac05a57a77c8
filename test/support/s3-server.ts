/**
 * An S3 server that checks signatures: versitygw over a folder. Its binary is built once for a machine, which takes minutes and
 * Go, so a test only looks for it.
 */
import {spawn} from "node:child_process";
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {createServer} from "node:net";
import {homedir, tmpdir} from "node:os";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";

const binary = process.env["DAEDALUS_S3_SERVER"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "daedalus-test", "bin", "versitygw");

/** Why there is none; undefined when there is. */
export const missingS3Server = existsSync(binary) ? undefined : `no ${binary}: GOBIN=${join(binary, "..")} go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`;

export interface S3Server {
  /** Host and port. */
  readonly endpoint: string;
  readonly key: string;
  readonly secret: string;
  /** The requests since it was asked before, as `GetObject bucket/key status`. */
  takeRequests(): readonly string[];
  stop(): Promise<void>;
}

export async function startS3(bucket: string): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), "daedalus-s3-"));
  mkdirSync(join(folder, "data", bucket), {recursive: true});
  const log = join(folder, "access.log");
  writeFileSync(log, "");
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const {port: free} = probe.address() as {port: number};
      probe.close(() => resolve(free));
    });
  });
  const endpoint = `127.0.0.1:${port}`;
  const [key, secret] = ["test-key", "test-secret-of-the-store"];
  const child = spawn(binary, ["--quiet", "--port", endpoint, "--access-log", log, "posix", join(folder, "data")], {
    env: {PATH: process.env["PATH"], ROOT_ACCESS_KEY: key, ROOT_SECRET_KEY: secret},
    stdio: "ignore",
  });
  for (let round = 0; round < 100; round += 1) {
    if (await fetch(`http://${endpoint}/`).then(() => true, () => false)) break;
    await sleep(50);
  }
  let taken = 0;
  return {
    endpoint,
    key,
    secret,
    takeRequests: () => {
      const lines = readFileSync(log, "utf8").split("\n").filter((line) => line !== "");
      const fresh = lines.slice(taken);
      taken = lines.length;
      return fresh.map((line) => {
        const [, operation = "", object = "", rest = ""] = /s3_(\S+) (\S+) \S+ (\d+)/.exec(line) ?? [];
        return `${operation} ${object} ${rest}`;
      });
    },
    stop: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
