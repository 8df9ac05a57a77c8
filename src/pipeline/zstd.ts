/** The one file that knows `@bokuweb/zstd-wasm`: Node has Zstandard of its own from 22.15 on. */
export type Compress = (bytes: Uint8Array) => Uint8Array;

/** Zstandard's own default. */
const level = 3;
let loaded: Promise<Compress> | undefined;

/** Loaded once in each thread. */
export function loadZstd(): Promise<Compress> {
  loaded ??= import("@bokuweb/zstd-wasm").then(async ({init, compress}) => {
    await init();
    return (bytes) => compress(bytes, level);
  });
  return loaded;
}
