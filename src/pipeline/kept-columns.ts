/** Columns that an engine left in memory, of which the files of several days are made. */
import type {ListStretches, NumberPlaces, WindowColumns} from "../engines/aggregation-engine.js";

export class KeptColumns {
  readonly lists = new Map<string, ListStretches>();
  readonly numbers = new Map<string, NumberPlaces>();

  add(columns: WindowColumns): void {
    for (const [name, column] of columns) {
      if (!("function" in column)) continue;
      if (column.lists) this.lists.set(name, column.lists);
      if (column.numbers) this.numbers.set(name, column.numbers);
    }
  }

  countIn(names: readonly string[]): number {
    return names.filter((name) => this.lists.has(name) || this.numbers.has(name)).length;
  }
}
