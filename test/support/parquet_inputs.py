"""Parquet files as pyarrow and Polars write them in their many ways, and a check of what was spliced from them by four readers."""
import datetime
import decimal
import json
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3000
ADDED = ["half", "float", "byte", "whole", "scalar"]


def make_table():
    rows = range(ROWS)
    days = [datetime.datetime(2026, 2, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=i, microseconds=7) for i in rows]
    return pa.table({
        "id": pa.array([i * 7 for i in rows], pa.int64()),
        "small": pa.array([None if i % 9 == 0 else i % 100 for i in rows], pa.int16()),
        "city": pa.array([None if i % 7 == 0 else f"städte {i % 50}" for i in rows]),
        "prompt": pa.array([f"a prompt of its own, number {i}" for i in rows], pa.large_string()),
        "seen_at": pa.array(days, pa.timestamp("us", "UTC")),
        "score": pa.array([i / 7 for i in rows], pa.float64()),
        "price": pa.array([decimal.Decimal(i) / 8 for i in rows], pa.decimal128(18, 3)),
        "is_new": pa.array([None if i % 4 == 0 else i % 3 == 0 for i in rows]),
        "like_ids": pa.array([None if i % 5 == 0 else [] if i % 5 == 1 else [i, None, i + 1] for i in rows], pa.list_(pa.int64())),
        "nested": pa.array([{"a": i, "b": [str(i)]} for i in rows], pa.struct([("a", pa.int32()), ("b", pa.list_(pa.string()))])),
    })


def write(folder):
    table = make_table()
    plain = {"use_dictionary": False, "data_page_version": "2.0", "compression": "zstd"}
    encodings = {"id": "DELTA_BINARY_PACKED", "prompt": "DELTA_BYTE_ARRAY", "city": "DELTA_LENGTH_BYTE_ARRAY", "score": "BYTE_STREAM_SPLIT"}
    variants = {
        "defaults": {},
        "pages-v2": {"data_page_version": "2.0", "row_group_size": 1000, "data_page_size": 2000, "compression": "none"},
        "encodings": {**plain, "column_encoding": encodings, "row_group_size": 700},
        "indexes": {"write_page_index": True, "write_page_checksum": True, "row_group_size": 1100, "max_rows_per_page": 100, "compression": "gzip"},
        "bloom": {"bloom_filter_options": {"id": {"ndv": ROWS, "fpp": 0.01}, "city": {"ndv": 60, "fpp": 0.01}}, "row_group_size": 1500, "compression": "snappy"},
        "sorted": {"sorting_columns": [pq.SortingColumn(0), pq.SortingColumn(4)], "compression": "lz4"},
        "old": {"version": "1.0", "use_deprecated_int96_timestamps": True, "use_compliant_nested_type": False, "store_schema": False, "write_statistics": False, "compression": "brotli"},
        "integers": {"store_decimal_as_integer": True, "use_content_defined_chunking": True, "dictionary_pagesize_limit": 500},
    }
    for name, options in variants.items():
        pq.write_table(table, f"{folder}/pyarrow-{name}.parquet", **options)
    pq.write_table(table.set_column(2, "city", table["city"].dictionary_encode()), f"{folder}/pyarrow-categories.parquet", row_group_size=1000)
    frame = pl.from_arrow(table)
    frame.write_parquet(f"{folder}/polars-defaults.parquet")
    frame.write_parquet(f"{folder}/polars-small.parquet", compression="snappy", statistics="full", row_group_size=800, data_page_size=3000)
    frame.with_columns(pl.col("city").cast(pl.Categorical)).write_parquet(f"{folder}/polars-categories.parquet", compression="lz4", statistics=False)


def write_encrypted(folder):
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def __init__(self, config):
            super().__init__()

        def wrap_key(self, key, name):
            return key.hex()

        def unwrap_key(self, key, name):
            return bytes.fromhex(key)

    factory = pe.CryptoFactory(Keys)
    for name, is_plain in [("footer", False), ("columns", True)]:
        config = pe.EncryptionConfiguration(footer_key="f", column_keys={"k": ["city"]}, plaintext_footer=is_plain)
        properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
        with pq.ParquetWriter(f"{folder}/encrypted-{name}.parquet", make_table().schema, encryption_properties=properties) as writer:
            writer.write_table(make_table())


def plain(value):
    return None if value is None else [float(x) for x in value] if isinstance(value, (list, tuple)) or hasattr(value, "__len__") else float(value)


def check(job):
    """Facts about every output: for each reader the names of columns that are not what they were, or not what was asked for."""
    expected = {name: job["expected"][name] for name in ADDED}
    wrong = {}
    for old_path, new_path in job["files"]:
        problems = []
        old, new = pq.read_table(old_path), pq.read_table(new_path)
        for name in old.column_names:
            before = old[name].cast(old[name].type.value_type) if pa.types.is_dictionary(old[name].type) else old[name]
            if not new[name].cast(before.type).equals(before):
                problems.append(f"pyarrow {name}")
        for name in ADDED:
            if [plain(value) for value in new[name].to_pylist()] != expected[name]:
                problems.append(f"pyarrow {name}")
        types = [str(new.schema.field(name).type) for name in ADDED]
        if types != ["list<element: halffloat>", "list<element: float>", "list<element: int8>", "list<element: int64>", "float"]:
            problems.append(f"pyarrow types {types}")
        if pq.read_table(new_path, filters=[("id", "=", 7 * 2345)])["prompt"].to_pylist() != ["a prompt of its own, number 2345"]:
            problems.append("pyarrow filter")
        frame_old, frame = pl.read_parquet(old_path), pl.read_parquet(new_path)
        for name in frame_old.columns:
            before = frame_old[name].cast(pl.String) if frame_old[name].dtype == pl.Categorical else frame_old[name]
            after = frame[name].cast(before.dtype)
            if not after.equals(before):
                problems.append(f"polars {name}")
        for name in ADDED:
            if [plain(value) for value in frame[name].to_list()] != expected[name]:
                problems.append(f"polars {name}")
        if pl.scan_parquet(new_path).filter(pl.col("id") == 7 * 2345).select("prompt").collect().item() != "a prompt of its own, number 2345":
            problems.append("polars filter")
        kept = ", ".join(old.column_names)
        left, right = (f"SELECT {kept} FROM '{path}'" for path in (old_path, new_path))
        for first, second in ((left, right), (right, left)):
            if duckdb.sql(f"SELECT count(*) FROM ({first} EXCEPT ALL {second})").fetchall()[0][0] != 0:
                problems.append("duckdb kept columns")
        for name in ADDED:
            if [plain(row[0]) for row in duckdb.sql(f"SELECT {name} FROM '{new_path}'").fetchall()] != expected[name]:
                problems.append(f"duckdb {name}")
        if duckdb.sql(f"SELECT prompt FROM '{new_path}' WHERE id = {7 * 2345}").fetchall() != [("a prompt of its own, number 2345",)]:
            problems.append("duckdb filter")
        facts_old, facts = pq.ParquetFile(old_path).metadata, pq.ParquetFile(new_path).metadata
        for group in range(facts_old.num_row_groups):
            chunks = {facts.row_group(group).column(k).path_in_schema: facts.row_group(group).column(k) for k in range(facts.num_columns)}
            for k in range(facts_old.num_columns):
                before = facts_old.row_group(group).column(k)
                after = chunks[before.path_in_schema]
                for fact in ("has_column_index", "has_offset_index", "compression", "encodings", "num_values", "statistics", "total_compressed_size"):
                    if getattr(before, fact) != getattr(after, fact):
                        problems.append(f"{before.path_in_schema} {fact}")
        wrong[new_path.split("/")[-1]] = sorted(set(problems))
    print(json.dumps(wrong))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    elif sys.argv[1] == "write-encrypted":
        write_encrypted(sys.argv[2])
    else:
        check(json.load(open(sys.argv[2])))
