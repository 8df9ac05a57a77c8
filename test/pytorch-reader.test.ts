/** The dataset of the guide, run by Python over a day with several files and row groups. */
import {execFileSync} from "node:child_process";
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {afterAll, beforeAll, describe, expect, it} from "vitest";
import type {EmbeddingStore} from "../src/definitions/model.js";
import {enrichPartition} from "../src/pipeline/enrich.js";
import {buildStore} from "../src/pipeline/store-build.js";
import {testSession} from "./support/test-session.js";

const python = process.env["DAEDALUS_PYTHON"];
const place = {file: "config/training/aggregations.yaml", line: 1, column: 1, length: 1, text: ""};
const store: EmbeddingStore = {
  name: "items", type: "lance", path: "store", idColumn: "id", embeddingColumn: "v", embeddingDim: 4, embeddingDtype: "float16", buildBatchSize: 1000, sourceParquet: "vectors.parquet", place,
};

/** What the guide takes of PyTorch, for machines without it: the same names, and workers that run one after another. */
const standIn = {
  "__init__.py": "def from_numpy(array):\n    return array\n\n\ntensor = from_numpy\n",
  "utils/__init__.py": "",
  "utils/data.py": `
from types import SimpleNamespace

_worker = None

def get_worker_info():
    return _worker

class IterableDataset:
    pass

class DataLoader:
    def __init__(self, dataset, batch_size, num_workers):
        self.dataset, self.num_workers = dataset, num_workers

    def __iter__(self):
        global _worker
        for k in range(max(1, self.num_workers)):
            _worker = SimpleNamespace(id=k, num_workers=self.num_workers) if self.num_workers else None
            yield from self.dataset
        _worker = None
`,
};

const main = `
import json, sys
for workers in (0, 1, 2, 5):
    batches = list(DataLoader(Day(sys.argv[1], ["row"], {"own": 4}, batch_rows=700), batch_size=None, num_workers=workers))
    rows = [[int(row), [float(x) for x in vector]] for batch in batches for row, vector in zip(batch["row"], batch["own"])]
    print(json.dumps({"workers": workers, "rows": sorted(rows), "longest": max(len(batch["row"]) for batch in batches), "isInOrder": rows == sorted(rows), "dtype": str(batches[0]["own"].dtype).split(".")[-1]}))
`;

describe.skipIf(python === undefined)("the guide's dataset for PyTorch (skipped without DAEDALUS_PYTHON; where that has no torch, a stand-in takes its place)", () => {
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "torch-"));
    const session = await testSession();
    const write = (name: string, query: string): Promise<void> => session.run(`COPY (${query}) TO '${join(root, name)}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    await write("vectors.parquet", "SELECT i AS id, [i, i / 2, -i, 1]::FLOAT[] AS v FROM range(100) t(i)");
    await write("first.parquet", "SELECT i AS row, i % 120 AS item FROM range(5000) t(i) ORDER BY i");
    await write("second.parquet", "SELECT i AS row, i % 120 AS item FROM range(5000, 6000) t(i) ORDER BY i");
    await buildStore(store, {root, session});
    await enrichPartition({
      skeletonFiles: [join(root, "first.parquet"), join(root, "second.parquet")],
      outputDirectory: join(root, "day"),
      enrichments: [{name: "own", sourceColumn: "item", store, udfName: "lookup_embedding_udf", udf: undefined, dtype: {kind: "vector", name: "HALF_FLOAT", dimension: 4}}],
      columnOrder: ["row", "item", "own"],
      root,
      session,
    });
  });
  afterAll(() => rmSync(root, {recursive: true, force: true}));

  it("gives every row once, in order to one worker, with zeros where there is no vector", () => {
    const [reader] = /```python\n(from glob[\s\S]*?)```/.exec(readFileSync(new URL("../docs/guides/reading-a-dataset.md", import.meta.url), "utf8"))!.slice(1);
    writeFileSync(join(root, "read.py"), `${reader!}\nif __name__ == "__main__":\n${main.replaceAll("\n", "\n    ")}`);
    if (!hasTorch()) {
      mkdirSync(join(root, "torch/utils"), {recursive: true});
      for (const [name, text] of Object.entries(standIn)) writeFileSync(join(root, "torch", name), text);
    }
    const answers = execFileSync(python!, ["-W", "error:The given NumPy array:UserWarning", join(root, "read.py"), join(root, "day")], {encoding: "utf8", maxBuffer: 1 << 26}).trim().split("\n");
    const expected = Array.from({length: 6000}, (_, row) => [row, row % 120 < 100 ? [row % 120, (row % 120) / 2, -(row % 120) || 0, 1] : [0, 0, 0, 0]]);
    expect(answers).toHaveLength(4);
    for (const answer of answers.map((line) => JSON.parse(line) as {workers: number; rows: unknown; longest: number; isInOrder: boolean; dtype: string})) {
      expect(answer).toMatchObject({longest: 700, dtype: "float16"});
      expect(answer.rows).toEqual(expected);
      if (answer.workers < 2) expect(answer.isInOrder).toBe(true);
    }
  });
});

function hasTorch(): boolean {
  try {
    execFileSync(python!, ["-c", "import torch"], {stdio: "ignore"});
    return true;
  } catch {
    return false;
  }
}
