"""From a catalog and its data to a plan: what each table seems to be, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pgcredits.adopt.inspect.finding import Finder
from pgcredits.adopt.inspect.not_understood import not_understood
from pgcredits.adopt.inspect.platforms_own import unused
from pgcredits.adopt.readings.choosing import NEARLY_ALL, decide
from pgcredits.adopt.readings.code import what_code_says
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import keeps_lots
from pgcredits.adopt.source.writers import failing_triggers, replaced_triggers

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pgcredits.adopt.cleanup.leftovers import Leftover
    from pgcredits.adopt.inspect.finding import Recognised
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.readings.against_history import Comparison
    from pgcredits.adopt.source.catalog import Catalog


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
        unused: Tables that speak of credits and that nothing uses, and functions of these.
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
    unused: tuple[Leftover, ...] = ()

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
    finder = Finder(conn)
    finder.look_at_all(catalog)
    group = finder.group_that_owns()
    if group:
        # Where a team owns the balance, its tasks and its history are the team's, not those of the
        # user who asked for them.
        finder = Finder(conn, (group, *vocabulary.GROUP))
        finder.look_at_all(catalog)
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
    plan = replace(plan, not_credits=tuple(table for table, _ in copies))
    doubtful = not_understood(catalog, plan, found.refused)
    return Discovery(
        recognised=found.recognised,
        plan=plan,
        unread=unread,
        aside=found.aside + copies,
        keyless=found.keyless,
        shape=_shape(
            plan,
            has_lots=any(
                keeps_lots(catalog.tables_by_name[part.table], part) for part in plan.balances
            ),
        ),
        failing=failing,
        reasons=tuple(_reasons(catalog, plan)),
        not_understood=doubtful,
        unused=unused(conn, catalog, plan, [table for table, _ in doubtful]),
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
