/** Modules of `kernels/`, which the build compiles into `dist`, over memory that threads share. */
import {readFileSync} from "node:fs";

/** What the types of Node leave out. */
export interface SharedMemory {
  /** Views of it stay right when the memory grows, but end where it ended. */
  readonly buffer: SharedArrayBuffer;
  /** @throws RangeError beyond the memory's maximum */
  grow(pages: number): number;
}
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: {readonly env: {readonly memory: SharedMemory}}) => {readonly exports: unknown};
  readonly Memory: new (limits: {readonly initial: number; readonly maximum: number; readonly shared: true}) => SharedMemory;
}

const {WebAssembly} = globalThis as unknown as {readonly WebAssembly: WebAssemblyApi};

const pageBytes = 65_536;
const pagesMax = 65_535;
/** What a 32-bit address reaches. */
export const memoryBytesMax = pagesMax * pageBytes;

const pagesOf = (byteCount: number): number => Math.max(1, Math.ceil(byteCount / pageBytes));

/** Memory of zeros, which costs nothing until it is written to. */
export function allocateMemory(byteCount: number): SharedMemory {
  const pages = pagesOf(byteCount);
  return new WebAssembly.Memory({initial: pages, maximum: pages, shared: true});
}

/** Memory that begins with a page and can grow to `memoryBytesMax`. */
export const openMemory = (): SharedMemory => new WebAssembly.Memory({initial: 1, maximum: pagesMax, shared: true});

/** @throws RangeError beyond `memoryBytesMax` */
export function growTo(memory: SharedMemory, byteCount: number): void {
  const {byteLength} = memory.buffer;
  // By steps that grow, because each one stops all threads of the process for a moment.
  if (byteCount > byteLength) memory.grow(pagesOf(Math.max(byteCount, Math.min(1.5 * byteLength, memoryBytesMax)) - byteLength));
}

const compiled = new Map<string, object>();

/** What the module exports. Threads that compile the same bytes share the machine code. */
export function instantiate(name: "arrivals" | "embeddings" | "newest-versions" | "pages" | "windows", memory: SharedMemory): unknown {
  // Seen from the sources and from the compiled files alike.
  const module = compiled.get(name) ?? new WebAssembly.Module(readFileSync(new URL(`../../dist/kernels/${name}.wasm`, import.meta.url)));
  compiled.set(name, module);
  return new WebAssembly.Instance(module, {env: {memory}}).exports;
}
