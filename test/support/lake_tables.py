"""Writes Iceberg and Delta tables with their own writers. Each line of input is a JSON object, and is answered by one:

{"root": where tables lie, "catalog": a SQLite file, "store": how S3 is reached, or null,
 "steps": [{"format", "table", "files": parquet files that are appended in one commit, "partition": a column, "delete": a predicate, "expire": a snapshot}]}
-> [{"snapshot": what the step made, "metadata": where it is}] or {"error"}
"""

import json
import os
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def read(files):
    # A hive folder says the day of its rows.
    tables = []
    for path in files:
        table = pq.ParquetFile(path).read()
        day = re.search(r"dt=(\d{4}-\d\d-\d\d)", path)
        if day:
            table = table.append_column("dt", pa.array([day.group(1)] * len(table), pa.string()).cast(pa.date32()))
        tables.append(table)
    return pa.concat_tables(tables)


def delta(step, wanted, store):
    from deltalake import DeltaTable, write_deltalake

    path = f"{wanted['root']}/{step['table']}"
    options = {
        "AWS_ENDPOINT_URL": f"http://{store['endpoint']}",
        "AWS_ACCESS_KEY_ID": store["key"],
        "AWS_SECRET_ACCESS_KEY": store["secret"],
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    } if store else None
    if "files" in step:
        by = [step["partition"]] if step.get("partition") else None
        write_deltalake(path, read(step["files"]), mode="append", partition_by=by, storage_options=options)
    table = DeltaTable(path, storage_options=options)
    if "delete" in step:
        table.delete(step["delete"])
    return {"snapshot": table.version(), "metadata": path}


def iceberg(step, wanted, store):
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.transforms import DayTransform

    properties = {
        "s3.endpoint": f"http://{store['endpoint']}",
        "s3.access-key-id": store["key"],
        "s3.secret-access-key": store["secret"],
        "s3.region": "us-east-1",
    } if store else {}
    root = wanted["root"] if store else f"file://{wanted['root']}"
    catalog = SqlCatalog("tests", uri=f"sqlite:///{wanted['catalog']}", warehouse=root, **properties)
    catalog.create_namespace_if_not_exists("lake")
    name = f"lake.{step['table']}"
    if not catalog.table_exists(name):
        created = catalog.create_table(name, schema=read(step["files"]).schema, location=f"{root}/{step['table']}")
        if step.get("partition"):
            with created.update_spec() as spec:
                spec.add_field(step["partition"], DayTransform(), "day")
    table = catalog.load_table(name)
    if "files" in step:
        table.append(read(step["files"]))
    if "delete" in step:
        table.delete(step["delete"])
    if "expire" in step:
        table.maintenance.expire_snapshots().by_id(int(step["expire"])).commit()
    table = catalog.load_table(name)
    current = table.current_snapshot()
    return {"snapshot": str(current.snapshot_id) if current else None, "metadata": re.sub("^file://", "", table.metadata_location)}


os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
for line in sys.stdin:
    wanted = json.loads(line)
    try:
        answer = [{"delta": delta, "iceberg": iceberg}[step["format"]](step, wanted, wanted.get("store") or {}) for step in wanted["steps"]]
    except Exception as error:  # the test that asked shows it
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
