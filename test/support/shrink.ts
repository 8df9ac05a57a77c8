/** Drops items, many at once and then one by one, for as long as the rest still fails: gives items of which each is needed. */
export async function shrink<T>(items: readonly T[], fails: (items: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let kept = items;
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let isSmaller = true;
    while (isSmaller) {
      isSmaller = false;
      for (let start = 0; start < kept.length; ) {
        const fewer = [...kept.slice(0, start), ...kept.slice(start + size)];
        if (await fails(fewer)) {
          kept = fewer;
          isSmaller = size === 1;
        } else {
          start += size;
        }
      }
    }
  }
  return kept;
}
