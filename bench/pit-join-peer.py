"""The point-in-time joins of the benchmark as one would write them with Polars or pandas. Prints seconds."""
import json
import sys
import time

job = json.loads(sys.argv[1])
data = job["root"] + "/data/"
names = [f"value_{index}" for index in range(job["views"])]


def run_polars():
    import polars as pl

    rows = pl.read_parquet(data + "events.parquet").sort("happened_at")
    for name in names:
        versions = pl.read_parquet(f"{data}{name}.parquet").sort("known_at")
        rows = rows.join_asof(versions, left_on="happened_at", right_on="known_at", by="item_id", strategy="backward", allow_exact_matches=False, coalesce=False, check_sortedness=False)
        rows = rows.drop("known_at")
    rows.write_parquet(job["output"], compression="zstd")


def run_pandas():
    import pandas as pd

    rows = pd.read_parquet(data + "events.parquet").sort_values("happened_at")
    for name in names:
        versions = pd.read_parquet(f"{data}{name}.parquet").sort_values("known_at")
        versions[name] = versions[name].astype("Int64")
        rows = pd.merge_asof(rows, versions, left_on="happened_at", right_on="known_at", by="item_id", allow_exact_matches=False).drop(columns="known_at")
    rows.to_parquet(job["output"], compression="zstd", index=False)


started = time.perf_counter()
{"polars": run_polars, "pandas": run_pandas}[job["contender"]]()
print(json.dumps({"seconds": time.perf_counter() - started}))
