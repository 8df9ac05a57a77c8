/** Modules of `kernels/`, which the build compiles into `dist`, over memory that threads share. */
import {readFileSync} from "node:fs";

/** What the types of Node leave out. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: {readonly env: {readonly memory: SharedMemory}}) => {readonly exports: unknown};
  readonly Memory: new (limits: {readonly initial: number; readonly maximum: number; readonly shared: true}) => SharedMemory;
}

const {WebAssembly} = globalThis as unknown as {readonly WebAssembly: WebAssemblyApi};

const pageBytes = 65_536;
/** What a 32-bit address reaches. */
export const memoryBytesMax = 65_535 * pageBytes;

/** Memory of zeros, which costs nothing until it is written to. */
export function allocateMemory(byteCount: number): SharedMemory {
  const pages = Math.max(1, Math.ceil(byteCount / pageBytes));
  return new WebAssembly.Memory({initial: pages, maximum: pages, shared: true});
}

const compiled = new Map<string, object>();

/** What the module exports. Threads that compile the same bytes share the machine code. */
export function instantiate(name: "embeddings", memory: SharedMemory): unknown {
  // Seen from the sources and from the compiled files alike.
  const module = compiled.get(name) ?? new WebAssembly.Module(readFileSync(new URL(`../../dist/kernels/${name}.wasm`, import.meta.url)));
  compiled.set(name, module);
  return new WebAssembly.Instance(module, {env: {memory}}).exports;
}
