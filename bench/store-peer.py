"""A store of half vectors, written by pylance: from the same parquet file, in batches, with the same index on the ids."""
import json
import resource
import shutil
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 20_000


def write_source(job):
    """Lists of halves, uncompressed and plain: the cheapest file to read."""
    rng = np.random.default_rng(job["seed"])
    writer = None
    for start in range(0, job["rows"], BATCH_ROWS):
        count = min(BATCH_ROWS, job["rows"] - start)
        numbers = (rng.integers(0, 4096, count * job["dimension"], dtype=np.uint16).astype(np.float32) - 2047.5) / 2048
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(numbers.astype(np.float16)), job["dimension"])
        ids = pa.array(np.arange(start, start + count, dtype=np.int64) * 3000019 - 500)
        table = pa.table({"id": ids, "image_embedding": vectors})
        writer = writer or pq.ParquetWriter(job["source"], table.schema, compression="none", use_dictionary=False, write_statistics=False)
        writer.write_table(table)
    writer.close()
    print("{}")


def build(job):
    import lance

    shutil.rmtree(job["output"], ignore_errors=True)
    started = time.perf_counter()
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("image_embedding", pa.list_(pa.float16(), job["dimension"]))])

    def batches():
        for batch in pq.ParquetFile(job["source"]).iter_batches(BATCH_ROWS):
            vectors = batch["image_embedding"].flatten().cast(pa.float16())
            yield pa.record_batch([batch["id"], pa.FixedSizeListArray.from_arrays(vectors, job["dimension"])], schema=schema)

    dataset = lance.write_dataset(pa.RecordBatchReader.from_batches(schema, batches()), job["output"])
    dataset.create_scalar_index("id", "BTREE")
    seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "cpuSeconds": usage.ru_utime + usage.ru_stime, "peakMiB": usage.ru_maxrss / 1024}))


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    {"source": write_source, "build": build}[job["task"]](job)
