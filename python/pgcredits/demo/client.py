"""A connection of the demo: it calls the functions as any application does, and keeps count."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.connections import connect
from pgcredits.errors import PgcreditsError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


class RefusedCallError(PgcreditsError):
    """The database refused a call: what an application reads from such an error.

    Attributes:
        sqlstate: PTnnn for pgcredits' own errors, nnn being the HTTP status.
        code: What exactly, from DETAIL; empty for PostgreSQL's own errors.
        figures: The rest of DETAIL.
    """

    def __init__(self, error: psycopg.Error) -> None:
        """Read the error's fields."""
        super().__init__(error.diag.message_primary or str(error), error.diag.message_hint or "")
        self.sqlstate = error.sqlstate or ""
        self.figures: dict[str, Any] = _parse_detail(error.diag.message_detail)
        self.code = str(self.figures.pop("code", ""))

    @property
    def kind(self) -> tuple[str, str, str]:
        """What to count it under: SQLSTATE, code, and which argument or object is meant."""
        about = str(self.figures.get("argument", "")) if self.code else str(self)
        return (self.sqlstate, self.code, about)


@dataclass
class Tally:
    """How often each function was called and what became of it."""

    done: Counter[str] = field(default_factory=Counter)
    replayed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    credits: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    samples: dict[tuple[str, str, str], RefusedCallError] = field(default_factory=dict)

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them together; of the samples the first."""
        total = cls()
        for tally in tallies:
            total.done.update(tally.done)
            total.replayed.update(tally.replayed)
            total.refused.update(tally.refused)
            total.credits.update(tally.credits)
            total.refusals.update(tally.refusals)
            total.samples = {**tally.samples, **total.samples}
        return total

    @property
    def functions(self) -> list[str]:
        """Those that were called, by name."""
        return sorted({*self.done, *self.replayed, *self.refused})

    @property
    def calls(self) -> int:
        """All calls."""
        return self.done.total() + self.replayed.total() + self.refused.total()

    def count(self, function: str, rows: list[Any]) -> None:
        """Count a call that was answered."""
        replayed = any(getattr(row, "replayed", False) for row in rows)
        (self.replayed if replayed else self.done)[function] += 1
        if not replayed and not function.startswith("get_"):
            self.credits[function] += sum(
                getattr(row, "credits", 0) or getattr(row, "credits_refunded", 0) or 0
                for row in rows
            )

    def count_refused(self, function: str, refusal: RefusedCallError) -> None:
        """Count a call that was refused, and keep the first of its kind."""
        self.refused[function] += 1
        self.refusals[refusal.kind] += 1
        self.samples.setdefault(refusal.kind, refusal)


class Client:
    """One connection in autocommit: each call is a transaction of its own."""

    def __init__(self, dsn: str, role: str | None = None) -> None:
        """Connect, and become a member of the group role that the work asks for."""
        self.tally = Tally()
        self.connection = connect(dsn)
        self.connection.prepare_threshold = 3  # no pooler here
        if role is not None:
            self.connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        self._queries: dict[tuple[str, ...], bytes] = {}

    def __enter__(self) -> Self:
        """Close the connection at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.connection.close()

    def call(self, function: str, **arguments: Any) -> Any:
        """The one row of ``select * from credits.function(name => value, ...)``.

        Raises:
            RefusedCallError: The database refused the call.
        """
        (row,) = self.rows(function, **arguments)
        return row

    def rows(self, function: str, **arguments: Any) -> list[Any]:
        """All rows of such a call."""
        shape = (function, *arguments)
        if shape not in self._queries:
            query = sql.SQL("select * from {}({})").format(
                sql.Identifier("credits", function),
                sql.SQL(", ").join(
                    sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name))
                    for name in arguments
                ),
            )
            self._queries[shape] = query.as_bytes(self.connection)
        return self._execute(function, self._queries[shape], arguments)

    def attempt(self, name: str, statement: str) -> None:
        """Run a statement that is not a call of ours, counted under a name of its own."""
        self._execute(name, statement.encode(), None)

    def _execute(self, name: str, query: bytes, arguments: dict[str, Any] | None) -> list[Any]:
        try:
            cursor = self.connection.execute(query, arguments)
            rows = cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if error.sqlstate is None or self.connection.closed:
                raise ServerError("the demo's server went away", "Try again.") from error
            refusal = RefusedCallError(error)
            self.tally.count_refused(name, refusal)
            raise refusal from error
        self.tally.count(name, rows)
        return rows


def _parse_detail(detail: str | None) -> dict[str, Any]:
    try:
        parsed = json.loads(detail or "{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
