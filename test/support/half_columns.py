"""Lists of halves in files of every kind that pyarrow and Polars write: `half_columns.py FOLDER`."""
import itertools
import sys

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 4000
DIMENSION = 6
rng = np.random.default_rng(7)


def vector(row):
    if row % 97 == 1:
        return None
    if row % 97 == 2:
        return []
    values = [np.float16(value) for value in rng.normal(size=DIMENSION + (row % 97 == 3) - (row % 97 == 4)).round(1)]
    for place, what in [(5, None), (6, np.float16("nan")), (7, np.float16("-inf"))]:
        if row % 97 == place:
            values[row % DIMENSION] = what
    return values


def clean(_):
    return [np.float16(value) for value in rng.normal(size=DIMENSION)]


folder = sys.argv[1]
ids = pa.array(np.arange(ROWS), pa.int64())
wild = [vector(row) for row in range(ROWS)]
tame = [clean(row) for row in range(ROWS)]
for codec, version, dictionary in itertools.product(["none", "snappy", "zstd"], ["1.0", "2.0"], [False, True]):
    table = pa.table({"id": ids, "image_embedding": pa.array(wild, pa.list_(pa.float16()))})
    path = f"{folder}/wild-{codec}-{version}-{'dictionary' if dictionary else 'plain'}.parquet"
    pq.write_table(table, path, compression=codec, data_page_version=version, use_dictionary=dictionary, row_group_size=1700, data_page_size=900, write_batch_size=64)
flat = np.array(tame, np.float16).ravel()
fixed = pa.FixedSizeListArray.from_arrays(pa.array(flat), DIMENSION)
pq.write_table(pa.table({"id": ids, "image_embedding": fixed}), f"{folder}/fixed.parquet")
strict = pa.schema([pa.field("id", pa.int64(), False), pa.field("image_embedding", pa.list_(pa.field("element", pa.float16(), False)), False)])
pq.write_table(pa.table([ids, pa.array(tame, strict.field(1).type)], schema=strict), f"{folder}/strict.parquet", data_page_size=500, write_batch_size=50)
few = [[np.float16(value) for value in rng.integers(0, 3, DIMENSION)] for _ in range(ROWS)]
pq.write_table(pa.table({"id": ids, "image_embedding": pa.array(few, pa.list_(pa.float16()))}), f"{folder}/few.parquet", compression="snappy", row_group_size=900)
for name, dtype in [("list", pl.List(pl.Float16)), ("array", pl.Array(pl.Float16, DIMENSION))]:
    for codec in ["uncompressed", "snappy", "zstd"]:
        frame = pl.DataFrame({"id": np.arange(ROWS), "image_embedding": pl.Series(tame, dtype=dtype)})
        frame.write_parquet(f"{folder}/polars-{name}-{codec}.parquet", compression=codec, row_group_size=1500, data_page_size=2000)
# What is left to DuckDB: another codec, another encoding, lists of something else, halves that are no lists.
rows = pa.array(tame, pa.list_(pa.float16()))
pq.write_table(pa.table({"id": ids, "image_embedding": rows}), f"{folder}/left-gzip.parquet", compression="gzip")
pq.write_table(pa.table({"id": ids, "image_embedding": rows}), f"{folder}/left-split.parquet", use_dictionary=False, column_encoding={"image_embedding.list.element": "BYTE_STREAM_SPLIT"})
pq.write_table(pa.table({"id": ids, "image_embedding": pa.array(tame, pa.list_(pa.float32()))}), f"{folder}/left-floats.parquet")
