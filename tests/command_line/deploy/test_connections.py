"""Connections: a sentence and a hint for whatever goes wrong, and never a password."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import make_conninfo

from pgcredits import deploy
from pgcredits.connections import connect
from pgcredits.errors import ConnectionFailedError, RefusedError
from pgcredits.server import ephemeral_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.servers import PostgresServer

SECRET = "hush-hush"  # noqa: S105

MALFORMED = [
    "nonsense",
    f"postgresql:/user:{SECRET}@host/db",
    f"postgresql://user:%zz{SECRET}@host/db",
    f"postgresql://user:{SECRET}@{SECRET}@host/db",
    f"postgresql://user:{SECRET}/{SECRET}@host/db",
    f"host=localhost password='{SECRET}",
    f"host=localhost password={SECRET} {SECRET}",
    f"host=localhost passwort={SECRET}",
    f"host=localhost port={SECRET}",
    f"host=localhost connect_timeout={SECRET}",
]


@pytest.mark.parametrize("conninfo", MALFORMED)
def test_a_malformed_string_is_refused_and_not_quoted(conninfo: str) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        connect(conninfo)

    assert SECRET not in f"{caught.value} {caught.value.hint}"
    assert "postgresql://" in caught.value.hint
    assert caught.value.exit_status == 3
    assert caught.value.__cause__ is None  # which would show in a traceback


@pytest.mark.parametrize(
    ("conninfo", "hint"),
    [
        ("host=127.0.0.1 port=1 password={}", "server running"),
        ("host=/nowhere password={}", "server running"),
        ("host=no-such-host.invalid password={}", "host name"),
    ],
)
def test_a_server_that_is_not_there_is_named(conninfo: str, hint: str) -> None:
    with pytest.raises(ConnectionFailedError, match="no connection") as caught:
        connect(conninfo.format(SECRET))

    assert hint in caught.value.hint
    assert SECRET not in str(caught.value)


def test_an_unknown_database_is_named(postgres_server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailedError, match="no_such_database") as caught:
        connect(postgres_server.dsn("no_such_database"))

    assert "names of the database" in caught.value.hint


def test_libpqs_environment_is_used(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", postgres_server.host)
    monkeypatch.setenv("PGPORT", str(postgres_server.port))
    monkeypatch.setenv("PGUSER", postgres_server.user)
    monkeypatch.setenv("PGPASSWORD", postgres_server.password or "")
    monkeypatch.setenv("PGDATABASE", postgres_server.maintenance_dbname)

    with connect("") as conn:
        assert conn.info.dbname == postgres_server.maintenance_dbname
        assert conn.execute("select 1 as one").fetchone() == (1,)


def test_a_wrong_password_is_refused() -> None:
    with ephemeral_server() as server:
        with connect(server.dsn()) as conn:
            conn.execute("create role guarded login password 'right'")
        hba = server.data_dir / "pg_hba.conf"
        hba.write_text(f"local all guarded scram-sha-256\n{hba.read_text()}")
        with connect(server.dsn()) as conn:
            conn.execute("select pg_reload_conf()")
        guarded = make_conninfo(server.dsn(), user="guarded", passfile="/nowhere")

        with connect(make_conninfo(guarded, password="right")) as conn:  # noqa: S106
            assert conn.info.user == "guarded"
        with pytest.raises(ConnectionFailedError, match="authentication failed") as caught:
            connect(make_conninfo(guarded, password=SECRET))
        assert "password" in caught.value.hint
        assert SECRET not in str(caught.value)
        with pytest.raises(ConnectionFailedError, match="no password supplied"):
            connect(guarded)


@pytest.mark.parametrize(
    ("version", "words"), [("14.18", "PostgreSQL 14"), ("9.6.24", "PostgreSQL 9")]
)
def test_an_old_server_is_refused(version: str, words: str) -> None:
    with (
        _server_that_says(version) as port,
        pytest.raises(ConnectionFailedError, match=f"{words}; pgcredits needs 15 or newer"),
    ):
        connect(f"host=127.0.0.1 port={port} user=me dbname=db sslmode=disable gssencmode=disable")


@pytest.mark.parametrize("command", [deploy.check, deploy.migrate, deploy.rollback])
def test_a_pooler_that_shares_statements_is_named(command: Callable[[str], object]) -> None:
    """PgBouncer 1.18 with pool_mode = statement answers the first BEGIN so."""
    complaint = "transaction blocks not allowed in statement pooling mode"
    with (
        _server_that_says("18.0", complaint) as port,
        pytest.raises(RefusedError, match="pooler") as caught,
    ):
        command(f"host=127.0.0.1 port={port} user=me dbname=db sslmode=disable gssencmode=disable")

    assert "transaction or session mode" in caught.value.hint


@contextmanager
def _server_that_says(version: str, complaint: str = "") -> Iterator[int]:
    """A server that lets anybody in, and tells a version: the wire protocol's first steps.

    It answers the first query with the complaint, and hangs up.
    """

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + struct.pack("!i", len(body) + 4) + body

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            (length,) = struct.unpack("!i", client.recv(4))
            client.recv(length - 4)
            client.sendall(
                message(b"R", struct.pack("!i", 0))
                + message(b"S", b"server_version\0" + version.encode() + b"\0")
                + message(b"S", b"client_encoding\0UTF8\0")
                + message(b"Z", b"I")
            )
            client.recv(1024)
            fields = {b"S": "FATAL", b"V": "FATAL", b"C": "08P01", b"M": complaint}
            body = b"".join(k + v.encode() + b"\0" for k, v in fields.items())
            client.sendall(message(b"E", body + b"\0"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
