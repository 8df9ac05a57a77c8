/** What the functions of windows look at: set before they are called. */
import {get32, get64, noDropper} from "../shared/arrays";

/**
 * The windows of rows: items `[starts, ends)` of a line with `values`. A row that counts for itself adds its own values, `own` from `ownStarts`
 * to `ownEnds`; these are 0 where no row does. What a row drops by is in `drops`, 0 where none does.
 */
export let keys: usize = 0;
export let starts: usize = 0;
export let ends: usize = 0;
export let values: usize = 0;
export let identity: usize = 0;
export let droppers: usize = 0;
export let drops: usize = 0;
export let own: usize = 0;
export let ownIdentity: usize = 0;
export let ownStarts: usize = 0;
export let ownEnds: usize = 0;

export function setLine(valuesAt: usize, identityAt: usize, droppersAt: usize): void {
  values = valuesAt;
  identity = identityAt;
  droppers = droppersAt;
}

export function setRows(keysAt: usize, startsAt: usize, endsAt: usize, dropsAt: usize): void {
  keys = keysAt;
  starts = startsAt;
  ends = endsAt;
  drops = dropsAt;
}

export function setOwn(ownAt: usize, ownIdentityAt: usize, ownStartsAt: usize, ownEndsAt: usize): void {
  own = ownAt;
  ownIdentity = ownIdentityAt;
  ownStarts = ownStartsAt;
  ownEnds = ownEndsAt;
}

// @ts-ignore: decorator
@inline
export function ownLength(row: i32): i32 {
  return ownStarts == 0 ? 0 : get32(ownEnds, row) - get32(ownStarts, row);
}

// @ts-ignore: decorator
@inline
export function dropOf(row: i32): i64 {
  return drops == 0 ? noDropper : get64(drops, row);
}
