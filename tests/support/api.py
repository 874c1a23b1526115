"""Calls of pgcredits' functions, and what a refusal must look like."""

from __future__ import annotations

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterator


def new_user() -> uuid.UUID:
    """A user nobody has heard of yet."""
    return uuid.uuid4()


def rows(conn: psycopg.Connection[Any], function: str, *args: Any, **named: Any) -> list[Any]:
    """All rows of `select * from credits.function(args..., name => value...)`.

    Args:
        conn: Any connection.
        function: Its name, in schema credits unless it says otherwise.
        args: Arguments by position.
        named: Arguments by name, p_ included. A dict is sent as jsonb.
    """
    schema, _, name = function.rpartition(".")
    arguments = [sql.Placeholder()] * len(args) + [
        sql.SQL("{} => {}").format(sql.Identifier(key), sql.Placeholder()) for key in named
    ]
    query = sql.SQL("select * from {}({})").format(
        sql.Identifier(schema or "credits", name), sql.SQL(", ").join(arguments)
    )
    values = [Jsonb(v) if isinstance(v, dict) else v for v in (*args, *named.values())]
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def call(conn: psycopg.Connection[Any], function: str, *args: Any, **named: Any) -> Any:
    """The one row of a call, as a named tuple."""
    (row,) = rows(conn, function, *args, **named)
    return row


def value(conn: psycopg.Connection[Any], function: str, *args: Any, **named: Any) -> Any:
    """The one column of the one row of a call."""
    (only,) = call(conn, function, *args, **named)
    return only


@dataclass
class Refusal:
    """What a refused call said. Filled when the block has ended."""

    error: psycopg.Error | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@contextmanager
def refused(sqlstate: str, code: str | None = None, **figures: Any) -> Iterator[Refusal]:
    """The block must be refused with this SQLSTATE, and this code and figures in DETAIL.

    Our own errors (PTnnn) must also have a message and a hint.
    """
    refusal = Refusal()
    try:
        yield refusal
    except psycopg.Error as error:
        refusal.error = error
    assert refusal.error is not None, f"{sqlstate} {code or ''} was expected, nothing was refused"

    diag = refusal.error.diag
    if diag.sqlstate != sqlstate:
        raise AssertionError(f"{sqlstate} was expected, not {diag.sqlstate}") from refusal.error
    if code is None and not sqlstate.startswith("PT"):
        return
    assert diag.message_primary, f"{sqlstate} has no message"
    assert diag.message_hint, f"{sqlstate} has no hint: {diag.message_primary}"
    assert diag.message_detail, f"{sqlstate} has no detail: {diag.message_primary}"
    refusal.detail.update(json.loads(diag.message_detail))
    expected = figures if code is None else {"code": code, **figures}
    actual = {key: refusal.detail.get(key, "(missing)") for key in expected}
    assert actual == expected, f"{diag.message_primary}: {refusal.detail}"
