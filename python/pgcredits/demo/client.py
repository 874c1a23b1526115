"""A connection of the demo: it calls the functions as any application does, and keeps count."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.connections import connect
from pgcredits.errors import PgcreditsError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


class Client:
    """One connection in autocommit: each call is a transaction of its own."""

    def __init__(self, dsn: str, role: str | None = None) -> None:
        """Connect, and become a member of the group role that the work asks for."""
        self.calls: Counter[str] = Counter()
        self.replays = 0
        self._dsn = dsn
        self._role = role
        self._queries: dict[tuple[str, ...], bytes] = {}
        self.connection = self._connect()

    def __enter__(self) -> Self:
        """Close the connection at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.connection.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """The one row of ``select * from credits.function(name => value, ...)``."""
        (row,) = self.rows(function, **arguments)
        return row

    def rows(self, function: str, **arguments: Any) -> list[Any]:
        """All rows of such a call.

        Raises:
            PgcreditsError: The database refused it, which nothing in the demo should make it do.
        """
        try:
            rows = self.connection.execute(self.query(function, arguments), arguments).fetchall()
        except psycopg.Error as error:
            if error.sqlstate is None or self.connection.closed:
                raise ServerError("the demo's server went away", "Try again.") from error
            raise PgcreditsError(
                f"{function} was refused: {error.diag.message_primary}",
                error.diag.message_hint or "",
            ) from error
        self.calls[function] += 1
        self.replays += any(getattr(row, "replayed", False) or False for row in rows)
        return rows

    def query(self, function: str, names: Iterable[str]) -> bytes:
        """The text of such a call, with a placeholder for each argument."""
        shape = (function, *names)
        if shape not in self._queries:
            query = sql.SQL("select * from {}({})").format(
                sql.Identifier("credits", function),
                sql.SQL(", ").join(
                    sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
                    for name in shape[1:]
                ),
            )
            self._queries[shape] = query.as_bytes(self.connection)
        return self._queries[shape]

    def begin(self) -> None:
        """Begin a transaction: what follows stays uncommitted."""
        self.connection.execute("begin")

    def crash(self) -> None:
        """Drop the connection with its open transaction, and connect as the next process would."""
        self.connection.close()
        self.connection = self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        connection = connect(self._dsn)
        connection.prepare_threshold = 3  # no pooler here
        if self._role is not None:
            connection.execute(sql.SQL("set role {}").format(sql.Identifier(self._role)))
        return connection
