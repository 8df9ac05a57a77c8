/** Columns that an engine left in memory, of which the files of several days are made. */
import type {ListStretches, NumberPlaces, NumberRows, WindowColumns} from "../engines/aggregation-engine.js";

export class KeptColumns {
  readonly lists = new Map<string, ListStretches>();
  readonly numbers = new Map<string, NumberPlaces>();
  readonly rows = new Map<string, NumberRows>();

  add(columns: WindowColumns): void {
    for (const [name, column] of columns) {
      if (!("function" in column)) continue;
      if (column.lists) this.lists.set(name, column.lists);
      if (column.numbers) this.numbers.set(name, column.numbers);
      if (column.rows) this.rows.set(name, column.rows);
    }
  }

  countIn(names: readonly string[]): number {
    return names.filter((name) => this.lists.has(name) || this.numbers.has(name) || this.rows.has(name)).length;
  }
}
