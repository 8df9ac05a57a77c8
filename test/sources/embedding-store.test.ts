import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {connect} from "@lancedb/lancedb";
import {describe, expect, it} from "vitest";
import {openStore, StoreWriter} from "../../src/sources/embedding-store.js";

const dimension = 4;
const place = {file: "config/training/aggregations.yaml", line: 1, column: 1, length: 1, text: ""};

describe("gather", () => {
  it("reads the same vectors whether many or few of those that lie together are wanted, also where rows were deleted", async () => {
    const root = mkdtempSync(join(tmpdir(), "gather-"));
    const shape = {idColumn: "id", embeddingColumn: "v", dimension, dtype: "float32"} as const;
    const writer = await StoreWriter.create(root, "store", {...shape, idKind: "bigint"});
    for (let start = 0; start < 3000; start += 750) {
      const vectors = Float32Array.from({length: 750 * dimension}, (_, k) => (start + Math.floor(k / dimension)) * 10 + (k % dimension));
      await writer.add(BigInt64Array.from({length: 750}, (_, k) => BigInt(start + k)), vectors);
    }
    await writer.finish("by hand");
    writer.close();
    await (await (await connect(root)).openTable("store")).delete("id % 7 = 3 OR id BETWEEN 1000 AND 1100");
    const store = {...shape, name: "items", type: "lance", path: "store.lance", embeddingDim: dimension, embeddingDtype: "float32", buildBatchSize: 1, sourceParquet: undefined, place} as const;
    const reader = await openStore(store, root);
    const ids = (await reader.index()).slice(0, reader.rowCount);
    expect(reader.rowCount).toBeLessThan(2600);
    for (const step of [1, 2, 3, 4, 5, 300]) {
      const positions = Int32Array.from({length: Math.floor((reader.rowCount - 1) / step)}, (_, k) => 1 + k * step);
      const found: number[][] = [];
      await reader.gather(positions, (k, vector) => (found[k] = [...vector]));
      expect(found).toEqual(Array.from(positions, (position) => [0, 1, 2, 3].map((d) => Number(ids[position]) * 10 + d)));
    }
    reader.close();
    rmSync(root, {recursive: true, force: true});
  });
});
