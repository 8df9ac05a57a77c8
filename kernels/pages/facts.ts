/** What a page is like, told at the beginning of the scratch that it was made in: see `PageFacts` of src/pipeline/page-kernels.ts. */

/** Encodings. */
export const plain = 0;
export const deltas = 5;
export const dictionary = 8;
export const byteStreamSplit = 9;

export const factBytes: usize = 64;
// @ts-ignore: decorator
@inline
export function setFact(scratch: usize, at: usize, value: u32): void {
  store<u32>(scratch + (at << 2), value);
}

/** For what is copied by 16 bytes. */
export function aligned(address: usize): usize {
  return (address + 15) & ~15;
}
