/** Columns that an engine left in memory, of which the files of several days are made. */
import type {KeptColumn, WindowColumns} from "../engines/aggregation-engine.js";

export class KeptColumns extends Map<string, KeptColumn> {
  add(columns: WindowColumns): void {
    for (const [name, column] of columns) if ("function" in column && column.kept) this.set(name, column.kept);
  }
}
