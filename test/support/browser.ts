/** A real browser without a window, which opens one page; what the page finds out it sends back. */
import {spawn} from "node:child_process";
import {mkdtempSync, readFileSync, rmSync} from "node:fs";
import {createServer} from "node:http";
import type {AddressInfo} from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {fileURLToPath} from "node:url";

const client = fileURLToPath(new URL("../../dist/client.js", import.meta.url));
const answerMs = 120_000;

export interface PageServer {
  /** `http://127.0.0.1:8001` */
  readonly origin: string;
  /** What the code gives to `report(...)` in the browser, or `{failed}`. */
  run(browser: string, script: string, host?: string): Promise<unknown>;
  stop(): void;
}

export async function startPageServer(): Promise<PageServer> {
  let module = "";
  let onReport: ((text: string) => void) | undefined;
  const page = `<!doctype html><meta charset="utf-8"><script type="importmap">{"imports": {"daedalus/client": "/client.js"}}</script><script type="module" src="/page.js"></script>`;
  const served: Readonly<Record<string, () => readonly [type: string, text: string]>> = {
    "/": () => ["text/html", page],
    "/client.js": () => ["text/javascript", readFileSync(client, "utf8")],
    "/page.js": () => ["text/javascript", module],
  };
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString())).on("end", () => (response.end(), onReport?.(text)));
      return;
    }
    const [type, text] = served[request.url ?? ""]?.() ?? ["text/plain", ""];
    response.writeHead(text === "" ? 404 : 200, {"content-type": type}).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const {port} = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    run: async (browser, script, host = "127.0.0.1") => {
      module = `const report = (found) => fetch("/", {method: "POST", body: JSON.stringify(found)});
(async () => {
${script}
})().catch((error) => report({failed: String(error)}));
`;
      const profile = mkdtempSync(join(tmpdir(), "daedalus-browser-"));
      const child = spawn(browser, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", `--user-data-dir=${profile}`, `http://${host}:${port}/`], {stdio: "ignore", detached: true});
      const ended = new Promise((resolve) => child.once("exit", resolve));
      try {
        return await new Promise<unknown>((resolve, reject) => {
          onReport = (text) => resolve(JSON.parse(text));
          child.once("error", reject);
          child.once("exit", (code) => reject(new Error(`the browser ended with ${String(code)}`)));
          setTimeout(() => reject(new Error("the page reports nothing")), answerMs).unref();
        });
      } finally {
        // A browser is many processes; `detached` made them a group.
        process.kill(-child.pid!, "SIGKILL");
        await ended;
        rmSync(profile, {recursive: true, force: true, maxRetries: 5});
      }
    },
    stop: () => void server.close(),
  };
}
