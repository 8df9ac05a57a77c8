/** How large the files of a partition get, and the row groups in them, which readers take one at a time. */
import {parseDtype} from "../definitions/dtype.js";
import type {Project} from "../definitions/model.js";
import {chunkRows} from "../engines/raw-vectors.js";
import type {Plan} from "../plan/operator.js";
import {enrichmentOperators} from "./open-service.js";
import type {EmbeddingDtype} from "./parquet-column.js";
import {rowGroupRowsMax} from "./parquet-options.js";

export interface FileLimits {
  readonly rowsPerFile: number;
  readonly rowGroupRows: number;
}

/** Vectors are as large as all else together many times over, and stand in the row groups of the skeleton that they are added to. */
const rowGroupVectorBytesMax = 128 << 20;

/** What a row of the column takes, levels and compression aside. */
export function vectorBytes(dtype: EmbeddingDtype): number {
  return dtype.kind === "scalar" ? 4 : dtype.dimension * {HALF_FLOAT: 2, FLOAT: 4, TINYINT: 1}[dtype.name];
}

export function limitFiles(plan: Plan, {runtime}: Project): FileLimits {
  const rowBytes = enrichmentOperators(plan).reduce((sum, {dtype}) => sum + vectorBytes(parseDtype(dtype) as EmbeddingDtype), 0);
  const rows = Math.floor(rowGroupVectorBytesMax / Math.max(1, rowBytes) / chunkRows) * chunkRows;
  return {rowsPerFile: runtime.entitySpineChunkRows, rowGroupRows: Math.min(rowGroupRowsMax, Math.max(chunkRows, rows))};
}
