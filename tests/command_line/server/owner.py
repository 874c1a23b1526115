"""A process that owns a server, for tests that end it: `owner.py ephemeral|durable FOLDER`.

It prints what it started, as JSON, and stays until its standard input ends. Its environment tells
it where pgcredits is; it is also run by another interpreter and another user.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psycopg

from pgcredits.server import Server, durable_server, ephemeral, ephemeral_server


def announce(server: Server) -> None:
    with psycopg.connect(server.dsn()) as conn:
        conn.execute("select pg_advisory_xact_lock(1)")  # another owner may do the same
        conn.execute("create table if not exists note (at timestamptz default now())")
        conn.execute("insert into note default values")
        notes = conn.execute("select from note").rowcount
    facts = {"pid": server.pid, "folder": str(server.folder), "dsn": server.dsn(), "notes": notes}
    print(json.dumps(facts | {"uid": os.geteuid()}), flush=True)  # noqa: T201
    sys.stdin.read()


if sys.argv[1] == "ephemeral":
    ephemeral._MEMORY = Path(sys.argv[2])
    with ephemeral_server() as server:
        announce(server)
else:
    announce(durable_server(Path(sys.argv[2])))
