"""From a catalog and its data to a plan: what each table seems to be, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from psycopg import sql

from pgcredits.adopt.inspect.lots import (
    as_lots,
    keeps_remainders,
    kinds_in_columns,
    kinds_in_rows,
    why_no_lots,
)
from pgcredits.adopt.inspect.not_understood import not_understood
from pgcredits.adopt.inspect.recognising import UsersTable, read_as
from pgcredits.adopt.inspect.refining import refined, unknown_words
from pgcredits.adopt.plan.model import Balances, History, Plan, Refunds, Tasks
from pgcredits.adopt.readings.choosing import NEARLY_ALL, decide
from pgcredits.adopt.readings.code import what_code_says
from pgcredits.adopt.source import expressions, vocabulary
from pgcredits.adopt.source.catalog import first_column, keeps_lots
from pgcredits.adopt.source.writers import failing_triggers, replaced_triggers
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg

    from pgcredits.adopt.inspect.recognising import Reading
    from pgcredits.adopt.plan.model import Part
    from pgcredits.adopt.readings.against_history import Comparison
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

AnyPart = TypeVar("AnyPart", Balances, History, Refunds, Tasks)

#: A column with more different words than these is not read as a list of words.
_MOST_WORDS = 100

_WORDS_OF_COLUMN = read_template(__package__, "words_of_column.sql")

_WITHIN = read_template(__package__, "within.sql")

_NO_UUIDS = read_template(__package__, "no_uuids.sql")


@dataclass(frozen=True)
class Recognised:
    """What a table seems to be.

    Attributes:
        table: With its schema.
        role: balances, history, refunds or tasks.
        sure_pct: How sure that is, in per cent.
        because: Why it seems to be that.
    """

    table: str
    role: str
    sure_pct: int
    because: tuple[str, ...]


@dataclass(frozen=True)
class Discovery:
    """What the older system's tables were taken for.

    Attributes:
        shape: What kind of system it is, in a few words.
        recognised: The tables that have to do with credits.
        plan: How they would be read.
        unread: Words whose meaning we do not know, by table and column.
        aside: Tables with users and amounts that were not taken for credits, and these columns.
        keyless: Those of the tables in aside without a column that tells their rows apart.
        failing: Trigger functions that will fail after the cut-over, and with them the writes to
            this table.
        reasons: Why a column is read as a part of another.
        compared: The balances beside what the history says; None = it does not say, or this was
            not looked at.
        not_understood: Tables that seem to keep credits and that the plan does not read, and why.
    """

    shape: str
    recognised: tuple[Recognised, ...]
    plan: Plan
    unread: tuple[tuple[str, str, str], ...] = ()
    aside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keyless: tuple[str, ...] = ()
    failing: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()
    compared: Comparison | None = None
    not_understood: tuple[tuple[str, str], ...] = ()

    @property
    def proof(self) -> str:
        """What speaks for these balances, in a sentence."""
        found = self.compared
        if found is None:
            return "No history says where all credits came from: it cannot prove the balances."
        said = f"By the history {found.explained:,} of {found.users:,} users have these balances"
        if not found.differing:
            return f"{said}."
        return (
            f"{said}; {found.differing:,} differ, by {found.credits:,f} credits all together: "
            + "; ".join(map(str, found.worst))
        )

    @property
    def to_do(self) -> tuple[str, ...]:
        """What a person has to answer or to change before anything is moved."""
        open_words = [
            f"what does {word!r} mean in {column} of {table}?"
            for table, column, word in self.unread
        ]
        found = self.compared
        if found is None or not found.differing:
            return (*self.plan.undecided, *open_words)
        best = "" if found.explained >= NEARLY_ALL * found.users else " No reading explains more."
        return (
            *self.plan.undecided,
            *open_words,
            f"the history contradicts {found.differing:,} of {found.users:,} balances.{best} "
            f"Correct them, or write {found.to_accept}, "
            'or where rows are missing explains = "nothing".',
        )

    @property
    def asides(self) -> list[str]:
        """The tables that were left aside, a line each."""
        return [
            f"{table} ({', '.join(columns)})"
            + (": no single column tells its rows apart" if table in self.keyless else "")
            for table, columns in self.aside
        ]


def discover(conn: psycopg.Connection[Any], catalog: Catalog) -> Discovery:
    """Find out which tables keep credits, and how they would be read."""
    finder = _Finder(conn)
    for table in catalog.tables:
        finder.look_at(table)
    group = finder.group_that_owns()
    if group:
        # Where a team owns the balance, its tasks and its history are the team's, not those of the
        # user who asked for them.
        finder = _Finder(conn, (group, *vocabulary.GROUP))
        for table in catalog.tables:
            finder.look_at(table)
    found = finder.result(catalog)
    plan = decide(conn, catalog, found.plan, finder.words_of_status(catalog, found.plan))
    unread = tuple(one for one in found.unread if not _is_read(plan, *one))
    plan = replaced_triggers(catalog, plan)
    failing = failing_triggers(catalog, plan)
    kept = {part.table for part in plan.balances}
    copies = tuple(
        (part.table, tuple(bucket.column for bucket in part.buckets))
        for part in found.plan.balances
        if part.table not in kept
    )
    # A copy of another balance keeps no credits of its own.
    plan = msgspec.structs.replace(plan, not_credits=tuple(table for table, _ in copies))
    return replace(
        found,
        plan=plan,
        unread=unread,
        aside=found.aside + copies,
        shape=_shape(
            plan,
            has_lots=any(
                keeps_lots(catalog.tables_by_name[part.table], part) for part in plan.balances
            ),
        ),
        failing=failing,
        reasons=tuple(_reasons(catalog, plan)),
        not_understood=not_understood(catalog, plan, finder.refused),
    )


def _reasons(catalog: Catalog, plan: Plan) -> Iterator[str]:
    said = what_code_says(catalog, plan)
    for part in plan.balances:
        for bucket in part.buckets:
            for name in bucket.parts:
                why = said[part.table].includes.get((bucket.column, name), "the history says so")
                yield f"{part.table}: {bucket.column} includes {name}: {why}"


def _is_read(plan: Plan, table: str, column: str, word: str) -> bool:
    """Whether the plan gives a word of a history a meaning."""
    return any(
        (part.table, part.kind) == (table, column) and part.kinds.get(word) != vocabulary.UNKNOWN
        for part in plan.history
    )


class _Finder:
    def __init__(self, conn: psycopg.Connection[Any], owners: tuple[str, ...] = ()) -> None:
        self._conn = conn
        self._owners = owners
        self.refused: dict[str, str] = {}
        self._recognised: list[Recognised] = []
        self._parts: list[Part] = []
        self._users: list[tuple[Table, Column]] = []
        self._aside: list[tuple[str, tuple[str, ...]]] = []
        self._keyless: list[str] = []

    def look_at(self, table: Table) -> None:
        """Add the table to what was found if it has to do with credits."""
        user = first_column(table, self._owners) or _user_column(table)
        if user is None or vocabulary.UNUSED_NAMES.match(table.word):
            return
        key = _key_column(table)
        reading = self._reading(UsersTable(table, key, user)) if key else None
        if reading is None and not user.is_unique and keeps_remainders(table):
            self._refuse(table, kinds_in_rows(table, self._words_of))
        if reading and isinstance(reading.part, Balances) and len(reading.part.buckets) > 1:
            kinds = kinds_in_columns(table)
            if kinds:
                self._refuse(table, kinds)
                return
        if reading:
            self._parts.append(reading.part)
            self._users.append((table, user))
            self._note(reading.part, reading.because)
            return
        amounts = [c.name for c in table.columns if c.is_number and _counts_something(c, table)]
        if amounts:
            self._aside.append((str(table), (user.name, *amounts)))
            if not key:
                self._keyless.append(str(table))

    def _reading(self, old: UsersTable) -> Reading | None:
        lots = as_lots(old, self._is_within)
        if lots is None:
            return read_as(old, self._words_of)
        reason = why_no_lots(old.table, self._words_of)
        self._refuse(old.table, reason)
        return None if reason else lots

    def _refuse(self, table: Table, reason: str) -> None:
        if reason:
            self.refused[str(table)] = reason

    def group_that_owns(self) -> str:
        """What columns call the groups that own all balances; empty = there are none."""
        owners = {
            f"{re.sub('s$', '', table.word)}_id" if vocabulary.GROUPS_TABLE.match(table.word)
            else user.word
            for table, user in self._users
            if any(one.table == str(table) for one in self._read_as(Balances))
        }  # fmt: skip
        (only,) = owners if len(owners) == 1 else ("",)
        return only if only in vocabulary.GROUP else ""

    def result(self, catalog: Catalog) -> Discovery:
        """What all tables together were taken for."""
        tasks = {part.table for part in self._read_as(Tasks)}
        self._parts = [refined(self._conn, catalog, part, tasks) for part in self._parts]
        history = self._read_as(History)
        if history and not self._read_as(Balances):
            old = history[0]
            summed = Balances(table=old.table, key=old.key, user=old.user, summed=True)
            self._parts.append(summed)
            self._note(summed, ("there is no balance but the sum of its rows",))
        plan = Plan(
            schemas=catalog.schemas,
            user_ids="uuid" if all(self._are_uuids(*one) for one in self._users) else "external",
            balances=self._read_as(Balances),
            history=history,
            refunds=self._read_as(Refunds),
            tasks=self._read_as(Tasks),
        )
        return Discovery(
            shape="",
            recognised=tuple(self._recognised),
            plan=plan,
            unread=tuple(word for part in self._parts for word in unknown_words(part)),
            aside=tuple(self._aside),
            keyless=tuple(self._keyless),
        )

    def words_of_status(self, catalog: Catalog, plan: Plan) -> dict[str, tuple[str, ...]]:
        """The words of the status of histories, by their table."""
        return {
            part.table: tuple(self._words_of(catalog.tables_by_name[part.table], part.status, ""))
            for part in plan.history
            if part.status
        }

    def _read_as(self, role: type[AnyPart]) -> tuple[AnyPart, ...]:
        return tuple(part for part in self._parts if isinstance(part, role))

    def _note(self, part: Part, because: Iterable[str | None]) -> None:
        reasons = tuple(one for one in because if one)
        sure = min(95, 50 + 15 * len(reasons))
        self._recognised.append(Recognised(part.table, part.role, sure, reasons))

    def _are_uuids(self, table: Table, column: Column) -> bool:
        if column.type == "uuid" or not column.is_word:
            return column.type == "uuid"
        query = _NO_UUIDS.format(column=sql.Identifier(column.name), table=table.identifier)
        return not self._conn.execute(query).fetchall()

    def _is_within(self, table: Table, part: str, whole: str) -> bool:
        (found,) = self._conn.execute(
            _WITHIN.format(
                part=sql.Identifier(part), whole=sql.Identifier(whole), table=table.identifier
            )
        ).fetchall()
        return bool(found.is_within)

    def _words_of(self, table: Table, column: str, amount: str) -> dict[str, Any]:
        found = self._conn.execute(
            _WORDS_OF_COLUMN.format(
                column=sql.Identifier(column),
                amount=expressions.column(amount),
                table=table.identifier,
                most=sql.Literal(_MOST_WORDS),
            )
        )
        return {row.word: row for row in found}


def _shape(plan: Plan, *, has_lots: bool) -> str:
    if not plan.balances:
        return "no credit system that we know"
    if has_lots:
        return "lots: several rows a user, with what is left of each"
    if any(part.summed for part in plan.balances):
        return "entries of credit and debit, whose sum is the balance"
    if not plan.history:
        return "a balance on the user's row, without history"
    if any(part.after for part in plan.history):
        return "a ledger of signed steps with the balance after each"
    if sum(len(part.buckets) for part in plan.balances) > 1:
        return "buckets on one row, with a log of what was used"
    return "a balance, with typed amounts as its history"


def _counts_something(column: Column, table: Table) -> bool:
    # A column called price holds money, except in a table about work: there it may be credits.
    is_price = vocabulary.WORK.search(table.word) and column.word == "price"
    return bool(is_price or vocabulary.AMOUNT_LIKE.search(column.word))


def _user_column(table: Table) -> Column | None:
    if vocabulary.GROUPS_TABLE.match(table.word):
        return _key_column(table)
    user = first_column(table, vocabulary.USER)
    if user is None and vocabulary.USERS_TABLE.match(table.word):
        return _key_column(table)
    return user or next((c for c in table.columns if vocabulary.USER_LIKE.search(c.word)), None)


def _key_column(table: Table) -> Column | None:
    """What tells its rows apart: the primary key, else a unique column that is never null."""
    if len(table.key) == 1:
        return table.by_name[table.key[0]]
    return next(
        (column for column in table.columns if column.is_unique and not column.is_nullable), None
    )
