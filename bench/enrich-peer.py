"""The enrich step as one would write it in Python: Lance take, NumPy mean, pyarrow write; a batch of rows at a time."""
import json
import resource
import sys
import time

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 20_000


def read_index(dataset):
    table = dataset.to_table(columns=["id"], with_row_id=True)
    ids = table["id"].to_numpy()
    order = np.argsort(ids, kind="stable")
    return ids[order], table["_rowid"].to_numpy()[order]


def find(index, ids):
    """Place of each id in the sorted index, -1 for an unknown one."""
    known, _ = index
    places = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[places] == ids, places, -1)


def gather(dataset, row_ids, dimension):
    """Vectors of ascending row ids."""
    table = dataset._take_rows(row_ids.tolist(), columns=["image_embedding"]) if len(row_ids) else None
    if table is None:
        return np.empty((0, dimension), np.float16)
    column = table["image_embedding"]
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)


def vectors_array(rows, is_null):
    """A list column; rows that are NULL take no values."""
    dimension = rows.shape[1]
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(np.where(is_null, 0, dimension), out=offsets[1:])
    values = pa.array(rows[~is_null].reshape(-1))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(is_null))


def enrich(batch, dataset, index, dimension):
    own = find(index, batch["artwork_id"].to_numpy())
    lists = batch["like_artwork_ids_7d"]
    offsets = lists.offsets.to_numpy()
    liked = find(index, lists.values.to_numpy())
    wanted = np.unique(np.concatenate([own[own >= 0], liked[liked >= 0]]))
    order = np.argsort(index[1][wanted])
    pool = gather(dataset, index[1][wanted][order], dimension)
    number = np.empty(len(index[0]), np.int32)
    number[wanted[order]] = np.arange(len(wanted))
    looked_up = np.zeros((len(own), dimension), np.float16)
    looked_up[own >= 0] = pool[number[own[own >= 0]]]
    floats = pool.astype(np.float32)
    means = np.zeros((len(own), dimension), np.float16)
    is_empty = np.ones(len(own), bool)
    for row in range(len(own)):
        places = liked[offsets[row] : offsets[row + 1]]
        places = places[places >= 0]
        if len(places):
            means[row] = floats[number[places]].mean(axis=0)
            is_empty[row] = False
    columns = [("image_embedding", vectors_array(looked_up, own < 0)), ("like_artwork_avg_embeds", vectors_array(means, is_empty))]
    for name, column in columns:
        batch = batch.append_column(name, column)
    return batch


def main(job):
    started = time.perf_counter()
    dataset = lance.dataset(job["store"])
    index = read_index(dataset)
    writer = None
    for batch in pq.ParquetFile(job["skeleton"]).iter_batches(BATCH_ROWS):
        enriched = enrich(batch, dataset, index, job["dimension"])
        if writer is None:
            added = ["image_embedding", "like_artwork_avg_embeds"]
            plain = {f"{name}.list.element": "none" for name in added}
            codecs = {name: "zstd" for name in pq.ParquetFile(job["skeleton"]).schema_arrow.names}
            kept = [path for path in batch.schema.names if path not in added]
            writer = pq.ParquetWriter(job["output"], enriched.schema, compression={**codecs, **plain}, use_dictionary=kept, write_statistics=kept)
        writer.write_batch(enriched)
    writer.close()
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peakMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def mean_kernel(job):
    """Seconds for the means of random lists over a pool of float32, one thread, values computed but not written."""
    rng = np.random.default_rng(job["seed"])
    pool = rng.standard_normal((job["vectors"], job["dimension"]), np.float32)
    lists = [rng.integers(0, job["vectors"], 10) for _ in range(job["rows"])]
    out = np.empty(job["dimension"], np.float32)
    started = time.perf_counter()
    for places in lists:
        np.mean(pool[places], axis=0, out=out)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "elements": job["rows"] * 10 * job["dimension"]}))


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    {"enrich": main, "mean": mean_kernel}[job["task"]](job)
