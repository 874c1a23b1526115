"""What the old history says of the balances that a plan reads."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgcredits.adopt.source import expressions, queries, vocabulary
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, History, Plan
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]
SQL = sql.SQL

#: So many users that differ are named.
MOST_USERS = 10

_BRINGS_CREDITS = read_template(__package__, "brings_credits.sql")
_DIFFERENCES = read_template(__package__, "differences.sql")
_LAST_BALANCES = read_template(__package__, "last_balances.sql")
_MONTH_MOVES = read_template(__package__, "month_moves.sql")
_MOVES_NOTHING = read_template(__package__, "moves_nothing.sql")
_SUMMED_HISTORY = read_template(__package__, "summed_history.sql")


@dataclass(frozen=True)
class Disagreement:
    """A user whose balance is one by the plan, and another by what the old system says."""

    user_id: str
    by_plan: Decimal
    by_history: Decimal

    def __str__(self) -> str:
        """In a few words."""
        return f"{self.user_id} has {self.by_plan:,f}, and {self.by_history:,f} by it"


@dataclass(frozen=True)
class Comparison:
    """Balances by a plan beside what the old system says.

    Attributes:
        users: Who have credits by either.
        differing: How many of them differ.
        by_history: The sum of all balances by the old system's word.
        credits: By how many credits users differ, all differences together.
        worst: Those who differ most.
    """

    users: int
    differing: int
    by_history: Decimal
    credits: Decimal
    worst: tuple[Disagreement, ...]

    @property
    def to_accept(self) -> str:
        """The setting of a plan that accepts these differences."""
        return f"accept_difference = {ceil(self.credits)}"

    @property
    def explained(self) -> int:
        """How many users have the same balance by both."""
        return self.users - self.differing


def compare(conn: Connection, plan: Plan, catalog: Catalog) -> Comparison | None:
    """The balances that a plan reads, user by user, beside what its history says of them.

    None = there is nothing to compare: no history, or one that tells of charges only.
    """
    parts = explaining(conn, plan)
    # A sum is no proof of itself; the balance that stands beside a row is one.
    if all(part.summed for part in plan.balances) and not any(one.after for one in parts):
        return None
    moves = _moves(plan, parts, catalog)
    if moves is None:
        return None
    opening = sum(part.opening for part in parts if not part.after)
    return differences(conn, plan, moves, opening)


def differences(conn: Connection, plan: Plan, moves: Composable, opening: int = 0) -> Comparison:
    """The balances that a plan reads beside others: rows of a user, and what they may have."""
    (found,) = conn.execute(
        _DIFFERENCES.format(
            moves=moves,
            balances=held(plan),
            opening=sql.Literal(opening),
            # Where balances are rounded, the sum of what moved them may be off by as much.
            tolerance=sql.Literal(1 if plan.rounding == "nearest" else 0),
            most=sql.Literal(MOST_USERS),
        )
    ).fetchall()
    return Comparison(
        users=found.users,
        differing=found.differing,
        by_history=found.by_history,
        credits=found.credits,
        worst=tuple(
            Disagreement(user_id, Decimal(by_plan), Decimal(by_history))
            for user_id, by_plan, by_history in found.worst or ()
        ),
    )


def held(plan: Plan) -> Composable:
    """What all tables of a plan hold."""
    return SQL(" union all ").join(queries.balances(plan, part) for part in plan.balances)


def explaining(conn: Connection, plan: Plan) -> tuple[History, ...]:
    """The histories whose rows explain balances, by the plan or, where it is silent, their rows."""
    return tuple(
        part
        for part in plan.history
        if part.explains in ("balances", "month")
        or (
            not part.explains
            and (brings_credits(conn, plan, part) or _is_silenced(conn, plan, part))
        )
    )


def _is_silenced(conn: Connection, plan: Plan, part: History) -> bool:
    """Whether a plan lets no row of a history move anything, without a word that this is meant."""
    all_rows = replace(part, void=(), dead="")
    query = _MOVES_NOTHING.format(
        history=queries.history(plan, part), all_rows=queries.history(plan, all_rows)
    )
    return bool(conn.execute(query).fetchall())


def brings_credits(conn: Connection, plan: Plan, part: History) -> bool:
    """Whether rows of a history bring credits: otherwise it explains no balance."""
    # Where a word is unknown, the history does not say what it did to the balance.
    if vocabulary.UNKNOWN in part.kinds.values():
        return False
    if part.after:
        return True
    query = _BRINGS_CREDITS.format(history=queries.history(plan, part))
    return any(row.it_does for row in conn.execute(query))


def _moves(plan: Plan, parts: tuple[History, ...], catalog: Catalog) -> Composable | None:
    """What histories lead to, a row for each user; None = nothing."""
    if not parts:
        return None
    monthly = next((part for part in parts if part.explains == "month"), None)
    if monthly:
        return month_moves(plan, monthly)
    stepped = next((part for part in parts if part.after), None)
    if stepped:
        return last_balances(plan, stepped, catalog)
    rows = (
        SQL("select h.user_id, h.credits from ({}) as h").format(queries.history(plan, part))
        for part in parts
    )
    opening = sql.Literal(sum(part.opening for part in parts))
    return _SUMMED_HISTORY.format(history=SQL(" union all ").join(rows), opening=opening)


def last_balances(plan: Plan, part: History, catalog: Catalog) -> Composable:
    """The balance that each user's last row shows."""
    # A key that is a number is drawn once the balance is locked, so that it tells which row was
    # last; created_at is mostly now(), the begin of the transaction, which does not.
    key = catalog.tables_by_name[part.table].by_name[part.key]
    return _LAST_BALANCES.format(
        per_unit=sql.Literal(plan.credits_per_unit),
        order=SQL("h.source_key" if key.is_number else "h.occurred_at"),
        history=queries.history(plan, part),
    )


def month_of(plan: Plan) -> Balances | None:
    """The table whose monthly credits a history may explain from the last reset on."""
    found = [part for part in plan.balances if part.reset and part.allowance]
    return found[0] if len(plan.balances) == len(found) == 1 else None


def month_moves(plan: Plan, history: History) -> Composable | None:
    """The allowance and what lasts, less the charges since the last reset."""
    part = month_of(plan)
    if part is None or not history.at:
        return None
    lasting = [
        SQL("coalesce({}, 0)").format(expressions.whole(plan, expressions.column(bucket.column)))
        for bucket in part.buckets
        if bucket.expires != "next_reset"
    ]
    return _MONTH_MOVES.format(
        user_id=expressions.user(plan, part),
        lasting=SQL(" + ").join([*lasting, SQL("0")]),
        allowance=expressions.whole(plan, expressions.column(part.allowance)),
        table=expressions.table(part.table),
        counts=expressions.counts(part.dead),
        reset=expressions.first_time(part.reset),
        history=queries.history(plan, history),
    )
