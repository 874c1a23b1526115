"""Try readings: how many users have the same balance by the old tables and by their history."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.readings import against_history
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import History, Plan
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]
SQL = sql.SQL
Name = sql.Identifier

_TRIED = read_template(__package__, "tried.sql")
_TYPES = {"m": SQL("null::numeric"), "a": SQL("null::numeric[]")}
_SUMMED = {"m": SQL("sum({}) as {}"), "a": SQL("max({}) as {}")}
_USUAL = SQL("mode() within group (order by {})")
_SO_MANY = SQL("count(*) filter (where {} = {})")


@dataclass(frozen=True)
class HeldColumn:
    """A column that may hold credits.

    Attributes:
        table: Its table, with the schema.
        column: Its name.
        dead: The column that says which rows do not count, in this reading.
    """

    table: str
    column: str
    dead: str = ""


@dataclass(frozen=True)
class Movement:
    """A reading of the histories: those of them that explain balances.

    Attributes:
        histories: How each is read, with its place in the plan.
        by: sum (all of their rows), last (the last balance that one shows), or month.
    """

    histories: tuple[tuple[int, History], ...]
    by: str = "sum"


@dataclass(frozen=True)
class Tried:
    """What came out.

    Attributes:
        users: Who has credits in any reading, or a history.
        totals: What all users have, by reading of the balances.
        explained: How many users have the same, by readings of the balances and of the history.
    """

    users: int
    totals: tuple[Decimal, ...]
    explained: dict[tuple[int, int], int]


@dataclass(frozen=True)
class Opening:
    """What most users have beyond the history, and how many they are."""

    credits: Decimal
    users: int


class Trials:
    """Readings of the balances beside readings of the history, in one look at each table."""

    def __init__(
        self,
        conn: Connection,
        plan: Plan,
        catalog: Catalog,
        readings: Sequence[frozenset[HeldColumn]],
        movements: Sequence[Movement],
    ) -> None:
        """Prepare to try them.

        Args:
            conn: Rows as named tuples.
            plan: The tables, and what is common to all readings.
            catalog: The older system's.
            readings: The columns that add up, of which a plan's parts may have more than those.
            movements: Readings of the plan's histories.
        """
        every = sorted({one for reading in readings for one in reading}, key=str)
        self._conn = conn
        self._plan = plan
        self._columns = {one: f"c{n}" for n, one in enumerate(every)}
        self._moves = _Moves(plan, catalog, movements)
        self._held = [_added(self._columns[one] for one in reading) for reading in readings]
        self._movements = movements

    def try_all(self) -> Tried:
        """How many users each pair of readings explains."""
        pairs = list(product(range(len(self._held)), range(len(self._movements))))
        counts: dict[Any, Composable] = {"users": SQL("count(*)")}
        for r, held in enumerate(self._held):
            counts[r] = SQL("coalesce(sum({}), 0)").format(held)
        for r, m in pairs:
            same = self._moves.same(self._held[r], self._movements[m])
            counts[r, m] = SQL("count(*) filter (where {})").format(same)
        found = self._ask(counts)
        return Tried(
            users=found["users"],
            totals=tuple(found[r] for r in range(len(self._held))),
            explained={pair: found[pair] for pair in pairs},
        )

    def openings(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Opening]:
        """By how much most users have more than the history says, for readings that sum it."""
        beyond = {
            (r, m): SQL("{} - {}").format(self._held[r], self._moves.sum_of(self._movements[m]))
            for r, m in pairs
        }
        usual = self._ask({pair: _USUAL.format(difference) for pair, difference in beyond.items()})
        users = self._ask(
            {
                pair: _SO_MANY.format(difference, sql.Literal(usual[pair]))
                for pair, difference in beyond.items()
            }
        )
        return {pair: Opening(usual[pair], users[pair]) for pair in beyond}

    def _ask(self, counts: Mapping[Any, Composable]) -> dict[Any, Any]:
        """The value of each of these aggregates of all users."""
        names, moves = list(self._columns.values()), self._moves
        if not counts:
            return {}
        (found,) = self._conn.execute(
            _TRIED.format(
                moved=_listed(_SUMMED[n[0]].format(Name("m", n), Name(n)) for n in moves.names),
                moves=moves.query(),
                held=_listed(SQL("sum({}) as {}").format(Name("b", c), Name(c)) for c in names),
                columns=_held_in(self._plan, self._columns),
                all_columns=_listed(
                    [*(Name("h", c) for c in names), *(Name("m", n) for n in moves.names)]
                ),
                counts=_listed(
                    SQL("{} as {}").format(one, Name(f"n{n}"))
                    for n, one in enumerate(counts.values())
                ),
                holds=SQL(" or ").join(SQL("{} <> 0").format(Name("c", c)) for c in names),
            )
        ).fetchall()
        return dict(zip(counts, found, strict=True))


class _Moves:
    """The columns of what histories lead to, each computed once."""

    def __init__(self, plan: Plan, catalog: Catalog, movements: Sequence[Movement]) -> None:
        self._plan = plan
        self._catalog = catalog
        #: The readings of each history, by its place in the plan, and the columns of their sums.
        self._sums: dict[int, dict[str, History]] = {}
        self._names: dict[tuple[int, str], str] = {}
        self._others: dict[str, Composable] = {}
        for movement in movements:
            self._add(movement)

    def _add(self, movement: Movement) -> None:
        for place, history in movement.histories:
            if movement.by == "sum":
                name = self._names.setdefault((place, repr(history)), f"m{len(self._names)}")
                self._sums.setdefault(place, {})[name] = history
            else:
                query = (
                    against_history.last_balances(self._plan, history, self._catalog)
                    if movement.by == "last"
                    else against_history.month_moves(self._plan, history)
                )
                if query is not None:
                    self._others[_other(movement)] = query

    @property
    def names(self) -> list[str]:
        """All columns; one that is null for everybody, where there is no history."""
        return [*self._names.values(), *self._others] or ["m0"]

    def query(self) -> Composable:
        """The rows of all histories, each with a user and its columns; the others are null."""
        queries_of = [
            (queries.moves(self._plan, readings), {name: name for name in readings})
            for readings in self._sums.values()
        ]
        queries_of += [(query, {name: "credits"}) for name, query in self._others.items()]
        if not queries_of:
            return SQL("select null::{} as user_id, null::numeric as m0 where false").format(
                expressions.user_type(self._plan)
            )
        return SQL(" union all ").join(
            SQL("select q.user_id, {} from ({}) as q").format(
                _listed(
                    SQL("{} as {}").format(
                        Name("q", has[name]) if name in has else _TYPES[name[0]], Name(name)
                    )
                    for name in self.names
                ),
                query,
            )
            for query, has in queries_of
        )

    def same(self, held: Composable, movement: Movement) -> Composable:
        """Whether a user's columns add up to what a reading of the history says."""
        if movement.by != "sum":
            may_be = SQL("coalesce({}, array[0::numeric])").format(Name("c", _other(movement)))
            return SQL("{} = any({})").format(held, may_be)
        moved = self.sum_of(movement)
        if self._plan.rounding == "nearest":
            return SQL("abs({} - {}) <= 1").format(held, moved)
        return SQL("{} = {}").format(held, moved)

    def sum_of(self, movement: Movement) -> Composable:
        """What a reading of the history adds up to."""
        return _added(self._names[place, repr(one)] for place, one in movement.histories)


def _other(movement: Movement) -> str:
    (place, history), *_ = movement.histories
    said = hashlib.sha256(repr((place, history, movement.by)).encode()).hexdigest()
    return f"a{said[:16]}"


def _held_in(plan: Plan, columns: Mapping[HeldColumn, str]) -> Composable:
    """The rows of all tables, each with a user and its columns; those of others are 0."""
    return SQL(" union all ").join(
        SQL("select {} as user_id, {} from {} as t").format(
            expressions.user(plan, part),
            _listed(
                SQL("{} as {}").format(
                    _amount(plan, one) if one.table == part.table else SQL("0::numeric"), Name(name)
                )
                for one, name in columns.items()
            ),
            expressions.table(part.table),
        )
        for part in plan.balances
    )


def _amount(plan: Plan, one: HeldColumn) -> Composable:
    return SQL("case when {} then coalesce({}, 0) else 0 end").format(
        expressions.counts(one.dead), expressions.whole(plan, expressions.column(one.column))
    )


def _added(names: Iterable[str]) -> Composable:
    return SQL("({})").format(
        SQL(" + ").join(SQL("coalesce({}, 0)").format(Name("c", name)) for name in names)
    )


def _listed(parts: Iterable[Composable]) -> Composable:
    return SQL(", ").join(parts)
