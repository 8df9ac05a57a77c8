/** The one file that knows `@bokuweb/zstd-wasm`: Node has Zstandard of its own from 22.15 on. */
import type * as Zstd from "@bokuweb/zstd-wasm";

export type Compress = (bytes: Uint8Array) => Uint8Array;
export type Decompress = (bytes: Uint8Array, plainLength: number) => Uint8Array;

/** Zstandard's own default, and its fastest of those that save much. */
export const zstdLevel = {usual: 3, fast: 1} as const;
let loaded: Promise<typeof Zstd> | undefined;

/** Once in each thread: a second `init` takes away the memory of the first. */
function load(): Promise<typeof Zstd> {
  loaded ??= import("@bokuweb/zstd-wasm").then(async (zstd) => {
    await zstd.init();
    return zstd;
  });
  return loaded;
}

export async function loadZstd(level: number = zstdLevel.usual): Promise<Compress> {
  const {compress} = await load();
  return (bytes) => compress(bytes, level);
}

/** Throws where the bytes are not Zstandard's. */
export async function loadUnzstd(): Promise<Decompress> {
  const {decompress} = await load();
  return (bytes, plainLength) => decompress(bytes, {defaultHeapSize: plainLength});
}
