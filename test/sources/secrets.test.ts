/** Nothing that a run leaves behind, prints or shows to other users of the machine has the secrets that it was given. */
import {execFile} from "node:child_process";
import {readdirSync, readFileSync, statSync, writeFileSync} from "node:fs";
import {join} from "node:path";
import {setTimeout as sleep} from "node:timers/promises";
import {promisify} from "node:util";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import {extensionLines, findMissingExtension} from "../support/extensions.js";
import {startPostgres, type PostgresServer} from "../support/postgres-server.js";
import {spawnDaeda} from "../support/run-daeda.js";
import {makeShop, shopFiles} from "../support/shop-project.js";

const missing = await findMissingExtension("postgres");
const [fromVariable, fromFile] = ["planted-in-a-variable", "planted-in-a-file"];

describe.skipIf(missing !== undefined)(`secrets (skipped when the extension for PostgreSQL cannot be had: ${missing ?? "it can"})`, () => {
  let server: PostgresServer;
  let root: string;
  const seen: {what: string; text: string}[] = [];

  beforeAll(async () => {
    server = await startPostgres();
    await server.run(`CREATE ROLE one LOGIN PASSWORD '${fromVariable}'; CREATE ROLE two LOGIN PASSWORD '${fromFile}';
      CREATE TABLE prices AS SELECT 1::bigint AS product_id, timestamp '2026-02-20' AS valid_at, 1.5::float8 AS price;
      CREATE VIEW products AS SELECT 1::bigint AS product_id, 'brand' AS brand WHERE pg_sleep(0.5) IS NOT NULL;
      GRANT SELECT ON prices, products TO one, two`);
    const address = `127.0.0.1:${server.port}/postgres`;
    root = await makeShop({
      "config/training/runtime.yaml": `${shopFiles["config/training/runtime.yaml"]}${extensionLines}`,
      "feature_views/prices.yaml": shopFiles["feature_views/prices.yaml"].replace(
        "path: data/prices.parquet",
        `database_path: "postgresql://one:\${PASSWORD_ONE}@${address}", table_name: prices`.replace("one:", "${USER_ONE}:"),
      ),
    });
    const secretFile = join(root, "..", `${root.split("/").at(-1)!}-secret`);
    writeFileSync(secretFile, `${fromFile}\n`);
    writeFileSync(
      join(root, "feature_views/products.yaml"),
      shopFiles["feature_views/products.yaml"].replace("path: data/products.parquet", `database_path: "postgresql://${address}", table_name: products, credentials: {user: "\${USER_TWO}", password: "\${file:${secretFile}}"}`),
    );
  });
  afterAll(() => server.stop());

  /** Runs the command line, and looks at all command lines of the machine while it runs. */
  async function run(args: string, env: Record<string, string> = {}): Promise<number | null> {
    let isDone = false;
    const watch = async (pid: number): Promise<void> => {
      for (let round = 0; !isDone; round += 1) {
        seen.push({what: `ps during ${args}`, text: (await promisify(execFile)("ps", ["-eo", "args"])).stdout});
        // A diagnostic report is what Node leaves of a process that crashes; without its options the signal would only end the process.
        if (round === 15 && env["NODE_OPTIONS"] !== undefined) process.kill(pid, "SIGUSR2");
        await sleep(100);
      }
    };
    let watching: Promise<void> | undefined;
    const result = await spawnDaeda(args.split(" "), {
      directory: root,
      env: {PASSWORD_ONE: fromVariable, USER_ONE: "one", USER_TWO: "two", ...env},
      onStart: (child) => {
        watching = watch(child.pid!);
      },
    });
    isDone = true;
    await watching;
    seen.push({what: `stdout of ${args}`, text: result.stdout}, {what: `stderr of ${args}`, text: result.stderr});
    return result.exitCode;
  }

  it("are in no answer, error, command line, plan, manifest or report", async () => {
    expect(await run("lint")).toBe(0);
    expect(await run("views show prices --format json")).toBe(0);
    expect(await run("pipeline compile basket")).toBe(0);
    expect(await run("pipeline plan basket --format json")).toBe(0);
    expect(await run("pipeline train basket", {NODE_OPTIONS: "--report-on-signal --report-exclude-network"})).toBe(0);
    expect(await run("explain row basket --key customer_id=1 --key product_id=1 --at 2026-03-01T00:00:00")).toBe(1);
    expect(await run("pipeline train basket --force", {USER_ONE: "nobody"})).toBe(1);
    await server.run("DROP TABLE prices");
    expect(await run("pipeline train basket --force")).toBe(1);

    const files = readdirSync(root, {recursive: true, encoding: "utf8"}).map((name) => join(root, name)).filter((path) => statSync(path).isFile());
    const reports = files.filter((path) => /report\..*\.json$/.test(path));
    expect(reports.length).toBeGreaterThan(0);
    expect(files.some((path) => path.endsWith("_manifest.json"))).toBe(true);
    for (const path of files) seen.push({what: path, text: readFileSync(path, "latin1")});
    // Node 20 writes the environment that a process was given into its reports: what must not be there is read from a file.
    const hasEnvironment = !("excludeEnv" in process.report);
    const found = (secret: string): string[] => seen.filter(({what, text}) => text.includes(secret) && !(hasEnvironment && secret === fromVariable && reports.includes(what))).map(({what}) => what);
    expect([...found(fromVariable), ...found(fromFile)]).toEqual([]);
    expect(seen.some(({what, text}) => what.startsWith("ps during pipeline train") && text.includes("pipeline train basket"))).toBe(true);
  });
});
