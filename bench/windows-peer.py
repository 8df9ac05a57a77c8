"""The windows benchmark as one would write it with Polars: `rolling(...).agg(...)` for each length of a window. Prints seconds."""
import json
import sys
import time

import polars as pl

job = json.loads(sys.argv[1])
started = time.perf_counter()
feed = pl.read_parquet(job["feed"]).sort("user_id", "event_timestamp")
day = pl.datetime(2026, 2, 8)


def aggregate(spec):
    holds = pl.col("event") == spec["event"]
    if spec["operation"] == "count":
        return holds.sum().cast(pl.Int64).alias(spec["name"])
    if spec["operation"] == "max":
        return pl.col("artwork_id").filter(holds).max().alias(spec["name"])
    if spec["operation"] == "flatten_distinct":
        values = pl.col("tack_ids").filter(holds).explode().drop_nulls()
        return values.reverse().unique(maintain_order=True).head(spec["maxItems"]).reverse().alias(spec["name"])
    values = pl.col("artwork_id").filter(holds)
    return (values if spec.get("excludesSelf") else values.tail(spec["maxItems"])).alias(spec["name"])


kept = ["user_id", "artwork_id", "event_timestamp", "event"]
frames = [feed.filter(pl.col("event_timestamp") >= day).select(kept)]
for days in sorted({spec["days"] for spec in job["specs"]}):
    specs = [spec for spec in job["specs"] if spec["days"] == days]
    rolled = feed.rolling(index_column="event_timestamp", group_by="user_id", period=f"{days}d", closed="left").agg([aggregate(spec) for spec in specs])
    # Polars gives a row for each row of the frame, in its order.
    of_day = rolled.select([spec["name"] for spec in specs]).filter(feed["event_timestamp"] >= pl.select(day).item())
    frames.append(of_day)
result = pl.concat(frames, how="horizontal").with_row_index("row")
for spec in job["specs"]:
    if spec.get("excludesSelf"):
        name = spec["name"]
        others = (
            result.select("row", "artwork_id", name).explode(name).filter(pl.col(name) != pl.col("artwork_id"))
            .group_by("row", maintain_order=True).agg(pl.col(name).tail(spec["maxItems"]))
        )
        result = result.drop(name).join(others, on="row", how="left", maintain_order="left").with_columns(pl.col(name).fill_null([]))
result.sort("event_timestamp").select(kept + [spec["name"] for spec in job["specs"]]).write_parquet(job["output"], compression="zstd")
print(json.dumps({"seconds": time.perf_counter() - started}))
