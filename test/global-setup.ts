/** Builds `dist` once before the tests, so that those which run the command line run what the sources say now. */
import {execFileSync} from "node:child_process";
import {fileURLToPath} from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export function setup(): void {
  // Types are the business of `npm run types`; without them the build takes a second.
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noCheck"], {cwd: root, stdio: "inherit"});
}
