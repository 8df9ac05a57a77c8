"""A server that speaks Snowflake's protocol to its own driver for Node: fakesnow behind the answers that the driver reads.

fakesnow runs Snowflake's SQL on DuckDB and answers in Arrow; the driver reads JSON, in chunks where a result is large. It checks
no credentials; here passwords and key-pair tokens are checked. What it cannot show: Snowflake's own limits, times and types beyond
those that DuckDB has (ARRAY, VARIANT and HASH_AGG answer differently or not at all).

usage: python snowflake_server.py PORT, with FAKE_PASSWORD and FAKE_PUBLIC_KEY (a PEM file) in the environment
"""

import base64
import datetime
import gzip
import hashlib
import json
import os
import sys
import uuid

import jwt
import pyarrow as pa
import uvicorn
from cryptography.hazmat.primitives import serialization
from fakesnow.server import app as fakesnow
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

CHUNK_ROWS = 1000
chunks: dict[str, bytes] = {}


def to_text(value, kind):
    """A cell as Snowflake's JSON format writes it."""
    if value is None:
        return None
    kind = kind.upper()
    if kind.startswith("TIMESTAMP"):
        text = f"{value['epoch']}.{value['fraction']:09d}"
        return f"{text} {value['timezone']}" if "timezone" in value else text
    if kind == "DATE":
        return str((value - datetime.date(1970, 1, 1)).days)
    if kind == "TIME":
        return f"{value // 10**9}.{value % 10**9:09d}"
    if kind == "BOOLEAN":
        return "1" if value else "0"
    if kind == "BINARY":
        return value.hex()
    return repr(value) if kind == "REAL" else str(value)


def read_rows(arrow, row_type):
    table = pa.ipc.open_stream(base64.b64decode(arrow)).read_all()
    columns = [[to_text(value, column["type"]) for value in table.column(index).to_pylist()] for index, column in enumerate(row_type)]
    return [list(row) for row in zip(*columns)]


async def ask(request, body):
    """fakesnow's answer to the same request: status and body."""
    answer = {"status": 500, "body": b""}

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
        elif message["type"] == "http.response.body":
            answer["body"] += message.get("body", b"")

    try:
        await fakesnow({**request.scope, "app": None}, receive, send)
    except Exception:
        pass  # Starlette raises again after it has answered 500.
    return answer["status"], answer["body"]


def refuse(code, message):
    return JSONResponse({"data": {"errorCode": code, "sqlState": "0A000"}, "code": code, "message": message, "success": False})


async def query(request):
    raw = await request.body()
    plain = gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw
    print("QUERY", " ".join(json.loads(plain).get("sqlText", "").split()), flush=True)
    status, answer = await ask(request, raw)
    try:
        body = json.loads(answer)
    except ValueError:
        return Response(answer, status)
    if status >= 500:  # What fakesnow cannot do is no outage: the driver would ask again for minutes.
        return refuse("261000", "fakesnow: " + str(body.get("message")))
    data = body.get("data") or {}
    if "rowset" in data or "rowsetBase64" in data:
        arrow = data.pop("rowsetBase64", None)
        rows = read_rows(arrow, data["rowtype"]) if arrow else data.get("rowset", [])
        data.update(queryResultFormat="json", version=1, returned=len(rows), total=len(rows), rowset=rows[:CHUNK_ROWS])
        later = [rows[start : start + CHUNK_ROWS] for start in range(CHUNK_ROWS, len(rows), CHUNK_ROWS)]
        if later:
            data.update(chunks=[], chunkHeaders={"x-none": "1"})
        for part in later:
            key = uuid.uuid4().hex
            text = json.dumps(part)[1:-1].encode()  # Chunks are rows without the outer brackets.
            chunks[key] = gzip.compress(text, 1)
            sizes = {"uncompressedSize": len(text), "compressedSize": len(chunks[key])}
            data["chunks"].append({"url": f"http://{request.headers['host']}/chunk/{key}", "rowCount": len(part), **sizes})
    return JSONResponse(body, status)


async def read_chunk(request):
    data = chunks.get(request.path_params["key"])
    return Response(data, headers={"content-encoding": "gzip"}) if data else Response(status_code=404)


def find_refusal(data):
    """Why the log-in is wrong; None when it is right."""
    if (data.get("AUTHENTICATOR") or "").upper() != "SNOWFLAKE_JWT":
        return None if data.get("PASSWORD") == os.environ["FAKE_PASSWORD"] else "Incorrect username or password was specified."
    with open(os.environ["FAKE_PUBLIC_KEY"], "rb") as file:
        key = serialization.load_pem_public_key(file.read())
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        # The driver writes iat in milliseconds.
        claims = jwt.decode(data["TOKEN"], key, algorithms=["RS256"], options={"verify_iat": False})
    except jwt.PyJWTError as error:
        return f"JWT token is invalid. {error}"
    return None if claims["iss"].endswith("SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()) else "JWT token is invalid."


async def log_in(request):
    raw = await request.body()
    plain = gzip.decompress(raw) if request.headers.get("content-encoding") == "gzip" else raw
    refusal = find_refusal(json.loads(plain)["data"])
    if refusal is not None:
        return JSONResponse({"data": None, "code": "390100", "message": refusal, "success": False})
    status, body = await ask(request, raw)
    return Response(body, status, media_type="application/json")


app = Starlette(
    routes=[
        Route("/session/v1/login-request", log_in, methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/chunk/{key}", read_chunk),
        Mount("/", app=fakesnow),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
