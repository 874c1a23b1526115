"""A gateway of a few lines that answers as PostgREST does, for clients that speak to one.

Only what `rpc` needs: POST /rest/v1/rpc/<function> with named arguments as a JSON object; errors
`PTnnn` become HTTP status nnn. The functions run in the real database.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database

ARGUMENTS = """
    select
        a.name,
        format_type(a.type, null) as type
    from pg_proc as p
    cross join unnest(p.proargnames, p.proargtypes::oid[]) as a (name, type)
    where
        p.pronamespace = %s::regnamespace
        and p.proname = %s
"""


@contextmanager
def gateway(database: Database) -> Iterator[str]:
    """Serve the database's functions on loopback; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            schema = self.headers["Content-Profile"]
            status, answer = _call(database, schema, self.path.rpartition("/")[2], body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Print no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _call(
    database: Database, schema: str, function: str, arguments: dict[str, Any]
) -> tuple[int, Any]:
    with database.connect(role="credits_app") as conn:
        types = dict(conn.execute(ARGUMENTS, (schema, function)).fetchall())
        query = sql.SQL(
            "select to_json(f) from json_to_record(%s) as a ({columns}),"
            " lateral {function}({named}) as f"
        ).format(
            columns=sql.SQL(", ").join(
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(types[name]))
                for name in arguments
            ),
            function=sql.Identifier(schema, function),
            named=sql.SQL(", ").join(
                sql.SQL("{0} => a.{0}").format(sql.Identifier(name)) for name in arguments
            ),
        )
        try:
            row = conn.execute(query, (json.dumps(arguments),)).fetchone()
        except psycopg.Error as error:
            code = error.sqlstate or ""
            status = int(code[2:]) if code.startswith("PT") else 400
            return status, {
                "code": code,
                "message": error.diag.message_primary,
                "details": error.diag.message_detail,
                "hint": error.diag.message_hint,
            }
    assert row is not None
    return 200, row[0]
