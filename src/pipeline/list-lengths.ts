/** Items of some lists: of all together, of the shortest and of the longest. None of the lists is NULL. */
export interface ListLengths {
  readonly total: number;
  readonly least: number;
  readonly most: number;
}

/** Of the lists of both. */
export const joinLengths = (one: ListLengths, other: ListLengths): ListLengths => ({total: one.total + other.total, least: Math.min(one.least, other.least), most: Math.max(one.most, other.most)});
