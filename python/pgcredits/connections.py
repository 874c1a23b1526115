"""Open a connection from a connection string, or say in a sentence why that failed.

A password is never shown: the part of a malformed string that libpq would quote is left out.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import namedtuple_row

from pgcredits.errors import ConnectionFailedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_SERVER = 15

_EXAMPLES = (
    'For example "postgresql://user@host:5432/dbname" or "host=localhost dbname=app"; '
    "in a URI, percent-encode special characters of user and password."
)
_CONNECT_TIMEOUT_SECONDS = 10
#: With these settings a connection that died silently is noticed within about a minute.
_KEEPALIVES = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

#: What to do, by a part of the (English) message of libpq or the server.
_HINTS = {
    "password authentication failed": "Check the user and the password (PGPASSWORD, ~/.pgpass).",
    "no password supplied": "Give the password by PGPASSWORD, ~/.pgpass or the connection string.",
    "no pg_hba.conf entry": "The server's pg_hba.conf does not let this user in from here.",
    "does not exist": "Check the names of the database and of the user.",
    "Connection refused": "Is the server running, and is this its host and port?",
    "No such file or directory": "Is the server running, and is this its host and port?",
    "failed to resolve host": "Check the host name.",
    "timeout expired": "Is the server reachable from here?",
    "too many clients": "The server has no free connection; try again later.",
    "starting up": "The server is starting; try again in a moment.",
}


def connect(conninfo: str, *, autocommit: bool = True) -> psycopg.Connection[Any]:
    """Open a connection whose rows are named tuples.

    Args:
        conninfo: A libpq connection string or URI; empty means libpq's own environment.
        autocommit: Passed to psycopg.

    Raises:
        ConnectionFailedError: The string is malformed, the server cannot be reached or refuses
            us, or it is older than PostgreSQL 15.
    """
    params = _parse(conninfo)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        params.setdefault("connect_timeout", _CONNECT_TIMEOUT_SECONDS)
    try:
        connection = psycopg.connect(
            fallback_application_name="pgcredits",
            client_encoding="utf8",
            autocommit=autocommit,
            prepare_threshold=None,  # so that poolers do no harm
            row_factory=namedtuple_row,
            **params,
        )
    except psycopg.ProgrammingError:
        raise _malformed() from None
    except psycopg.Error as error:
        raise _explained(error, params) from None
    _require_supported(connection)
    _read_dates(connection)
    return connection


def with_keepalives(conninfo: str) -> str:
    """The connection string with settings by which a lost network is noticed."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.Error:
        return conninfo  # connect() says what is wrong with it
    return make_conninfo(conninfo, **{k: v for k, v in _KEEPALIVES.items() if k not in given})


@contextmanager
def requiring_installation() -> Iterator[None]:
    """A block whose queries name objects of pgcredits.

    Raises:
        RefusedError: The objects do not exist in this database.
    """
    try:
        yield
    except (errors.UndefinedFunction, errors.UndefinedTable, errors.InvalidSchemaName):
        raise RefusedError(
            "pgcredits, or this version of it, is not installed in this database",
            "Run pgcredits migrate first.",
        ) from None


def _parse(conninfo: str) -> dict[str, Any]:
    try:
        params: dict[str, Any] = dict(conninfo_to_dict(conninfo))
    except psycopg.Error:
        raise _malformed() from None
    ports = str(params.get("port") or "").split(",")
    # An @ in the host or a port that is not a number comes from an unescaped password in a URI, and
    # libpq's error would quote a part of it.
    if "@" in str(params.get("host") or "") or not all(p == "" or p.isdecimal() for p in ports):
        raise _malformed()
    return params


def _malformed() -> ConnectionFailedError:
    return ConnectionFailedError("the connection string cannot be understood", _EXAMPLES)


def _explained(error: psycopg.Error, params: dict[str, Any]) -> ConnectionFailedError:
    text = " ".join(str(error).split())
    for secret in (params.get("password"), params.get("sslpassword")):
        if secret:
            text = text.replace(str(secret), "***")
    hint = next((hint for piece, hint in _HINTS.items() if piece in text), _EXAMPLES)
    return ConnectionFailedError(f"no connection to the database: {text}", hint)


def _read_dates(connection: psycopg.Connection[Any]) -> None:
    """Set the ISO date style, the only one that psycopg reads: a role may be set to another."""
    if not (connection.info.parameter_status("DateStyle") or "ISO").startswith("ISO"):
        connection.execute("set datestyle = 'ISO'")
        if not connection.autocommit:
            connection.commit()


def _require_supported(connection: psycopg.Connection[Any]) -> None:
    major = connection.info.server_version // 10_000
    if major < OLDEST_SERVER:
        connection.close()
        raise ConnectionFailedError(
            f"the server is PostgreSQL {major}; pgcredits needs {OLDEST_SERVER} or newer",
            "Upgrade the server.",
        )
