/** Builds `dist` before the tests, so that those which run the command line run what the sources say now. */
import {execFileSync} from "node:child_process";
import {existsSync, readdirSync, statSync} from "node:fs";
import {join} from "node:path";
import {fileURLToPath} from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

export function setup(): void {
  const kernels = readdirSync(join(root, "kernels"), {recursive: true, encoding: "utf8"});
  const modules = kernels.filter((name) => /^\w+\.ts$/.test(name));
  const kernelMs = Math.min(...modules.map((name) => mtimeMs(`dist/kernels/${name.replace(/\.ts$/, ".wasm")}`)));
  if (kernels.some((name) => mtimeMs(`kernels/${name}`) >= kernelMs)) execFileSync(process.execPath, ["kernels/build.js"], {cwd: root, stdio: "inherit"});
  const builtMs = mtimeMs("dist/platform/daeda.js");
  const sources = readdirSync(join(root, "src"), {recursive: true, encoding: "utf8"}).map((path) => join("src", path));
  if ([...sources, "tsconfig.json", "tsconfig.build.json"].every((path) => mtimeMs(path) < builtMs)) return;
  // Types are the business of `npm run types`; without them the build takes a second.
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--noCheck"], {cwd: root, stdio: "inherit"});
}

function mtimeMs(path: string): number {
  return existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0;
}
