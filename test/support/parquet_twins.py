"""Prints what pyarrow and Polars find different in two parquet files that should say the same: schemas, values, and what statistics tell."""
import json
import sys

import polars as pl
import pyarrow.parquet as pq


def facts(path):
    """Of each chunk: its bounds, where it has them, and its NULLs. Writers disagree about the NULLs of lists, and nobody looks for lists by bounds."""
    metadata = pq.ParquetFile(path).metadata
    chunks = [metadata.row_group(group).column(k) for group in range(metadata.num_row_groups) for k in range(metadata.num_columns)]
    return [
        (chunk.path_in_schema, chunk.num_values, chunk.statistics.null_count, chunk.statistics.has_min_max and (chunk.statistics.min, chunk.statistics.max))
        for chunk in chunks
        if not chunk.path_in_schema.endswith("element")
    ]


own, twin = sys.argv[1:3]
wrong = []
tables = [pq.read_table(path) for path in (own, twin)]
if not tables[0].schema.equals(tables[1].schema):
    wrong.append("pyarrow schema")
wrong += [f"pyarrow {name}" for name in tables[0].column_names if repr(tables[0][name].to_pylist()) != repr(tables[1][name].to_pylist())]
wrong += [f"statistics {a} {b}" for a, b in zip(facts(own), facts(twin)) if a != b]
frames = [pl.read_parquet(path) for path in (own, twin)]
if frames[0].schema != frames[1].schema:
    wrong.append("polars schema")
wrong += [f"polars {name}" for name in frames[0].columns if not frames[0][name].equals(frames[1][name])]
print(json.dumps(wrong))
