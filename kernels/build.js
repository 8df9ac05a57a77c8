/** Compiles each module of this folder into `dist/kernels`. */
import {execFileSync} from "node:child_process";
import {readdirSync} from "node:fs";
import {fileURLToPath} from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const file of readdirSync(new URL(".", import.meta.url)).filter((name) => name.endsWith(".ts"))) {
  const output = `dist/kernels/${file.replace(/\.ts$/, ".wasm")}`;
  execFileSync(process.execPath, ["node_modules/assemblyscript/bin/asc.js", `kernels/${file}`, "--config", "kernels/asconfig.json", "--outFile", output], {cwd: root, stdio: "inherit"});
}
