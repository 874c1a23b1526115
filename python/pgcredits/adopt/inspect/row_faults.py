"""Faults that show in an older system's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.plan.tiers import promises
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Balances, History, Plan
    from pgcredits.adopt.readings.against_history import Comparison

Connection = psycopg.Connection[Any]
SQL = sql.SQL

_BALANCE_FAULTS = read_template(__package__, "balance_faults.sql")
_OVERDUE_MONTHS = read_template(__package__, "overdue_months.sql")
_BROKEN_STEPS = read_template(__package__, "broken_steps.sql")
_SIGNS_OF_KINDS = read_template(__package__, "signs_of_kinds.sql")
_UNNAMED_REFUNDS = read_template(__package__, "unnamed_refunds.sql")
_GRANTED_TWICE = read_template(__package__, "granted_twice.sql")
_REFUNDED_TWICE = read_template(__package__, "refunded_twice.sql")
_TASK_FAULTS = read_template(__package__, "task_faults.sql")
_REFUNDED_BEYOND = read_template(__package__, "refunded_beyond.sql")
_OWED_USERS = read_template(__package__, "owed_users.sql")


def faults_in_data(conn: Connection, plan: Plan, compared: Comparison | None) -> Iterator[Fault]:
    """The faults, table by table; compared are the balances with their history."""
    for balances in plan.balances:
        yield from _of_balances(conn, plan, balances)
    if compared and compared.differing:
        yield _mismatch(plan, compared)
    for history in plan.history:
        yield from _of_history(conn, plan, history)
    if plan.tasks:
        yield from _of_tasks(conn, plan)


def users_owed(conn: Connection, plan: Plan) -> list[Any]:
    """Who was charged for work that failed, and did not get all of it back; the most owed first."""
    if not plan.tasks:
        return []
    return conn.execute(_OWED_USERS.format(tasks=queries.tasks(plan))).fetchall()


def _of_balances(conn: Connection, plan: Plan, part: Balances) -> Iterator[Fault]:
    query = queries.balances(plan, part)
    (found,) = conn.execute(_BALANCE_FAULTS.format(balances=query)).fetchall()
    if found.negatives:
        yield Fault(
            "L1", Severity.ERROR, "negative balances", part.table,
            "more was spent than there was", found.negatives, found.below,
        )  # fmt: skip
    if found.expired:
        yield Fault(
            "L19", Severity.ERROR, "expired credits that can be spent", part.table,
            "their time has passed, and they are still there", found.expired,
            found.expired_credits,
        )  # fmt: skip
    if found.orphans:
        yield Fault(
            "-", Severity.WARNING, "balances of nobody", part.table,
            "their rows name no user: they do not come over", found.orphans, found.orphaned,
        )  # fmt: skip
    yield from _promises(conn, part)
    monthly = [bucket for bucket in part.buckets if bucket.expires == "next_reset"]
    if part.reset and monthly:
        held = SQL(" + ").join(
            SQL("greatest(0, coalesce({}, 0))").format(queries.own_credits(plan, part, bucket))
            for bucket in monthly
        )
        (overdue,) = conn.execute(
            _OVERDUE_MONTHS.format(
                held=held, reset=expressions.column(part.reset), table=expressions.table(part.table)
            )
        ).fetchall()
        if overdue.overdue:
            yield Fault(
                "L19", Severity.WARNING, "monthly credits older than a month", part.table,
                f"by {part.reset} they should have been replaced", overdue.overdue,
                overdue.credits,
            )  # fmt: skip


def _promises(conn: Connection, part: Balances) -> Iterator[Fault]:
    """Users who were promised something else than most users of their tier."""
    found = promises(conn, part)
    for tier in dict.fromkeys(one.tier for one in found if not one.is_usual):
        told = [one for one in found if one.tier == tier]
        yield Fault(
            "-", Severity.WARNING, "users of one tier were promised different allowances",
            part.table,
            f"{tier}: " + ", ".join(f"{one.allowance:f} to {one.users} users" for one in told),
            sum(one.users for one in told if not one.is_usual),
        )  # fmt: skip


def _of_history(conn: Connection, plan: Plan, part: History) -> Iterator[Fault]:
    query = queries.history(plan, part)
    if part.after:
        yield from _broken_steps(conn, plan, part)
    for kind in conn.execute(_SIGNS_OF_KINDS.format(history=query)).fetchall():
        if kind.kind == "refund" and kind.negative and (kind.positive or part.sign == "stored"):
            yield Fault(
                "L6", Severity.ERROR, "refunds with the wrong sign", part.table,
                f"{kind.negative} below 0, {kind.positive} above: their sum means nothing",
                kind.negative, kind.below,
            )  # fmt: skip
        if kind.kind == "charge" and kind.negative and kind.positive:
            # Where amounts have their sign, those above 0 are the odd ones.
            is_signed = part.sign == "stored"
            yield Fault(
                "L14", Severity.ERROR, "charges of either sign", part.table,
                f"{kind.negative} below 0, {kind.positive} above: some of them gave credits",
                kind.positive if is_signed else kind.negative,
                kind.above if is_signed else kind.below,
            )  # fmt: skip
    (unnamed,) = conn.execute(_UNNAMED_REFUNDS.format(history=query)).fetchall()
    if unnamed.rows:
        yield Fault(
            "L3", Severity.WARNING, "refunds that name nothing", part.table,
            "nobody can say what was refunded", unnamed.rows, unnamed.credits,
        )  # fmt: skip
    (twice,) = conn.execute(_GRANTED_TWICE.format(history=query)).fetchall()
    if twice.rows:
        yield Fault(
            "L13", Severity.ERROR, "payments that were granted twice", part.table,
            "the same user and reference more than once", twice.rows, twice.credits,
        )  # fmt: skip
    if not plan.tasks:
        (again,) = conn.execute(_REFUNDED_TWICE.format(history=query)).fetchall()
        if again.rows:
            yield Fault(
                "L3", Severity.ERROR, "refunded twice", part.table,
                "the same user and reference more than once", again.rows, again.credits,
            )  # fmt: skip


def _mismatch(plan: Plan, compared: Comparison) -> Fault:
    tables = ", ".join(part.table for part in plan.balances)
    against = ", ".join(part.table for part in plan.history if part.explains != "nothing")
    return Fault(
        "L1", Severity.ERROR, "balances that do not match the history", tables,
        f"against {against}", compared.differing, int(compared.credits),
    )  # fmt: skip


def _broken_steps(conn: Connection, plan: Plan, part: History) -> Iterator[Fault]:
    history = queries.history(plan, part)
    per_unit = sql.Literal(plan.credits_per_unit)
    query = _BROKEN_STEPS.format(history=history, per_unit=per_unit)
    (steps,) = conn.execute(query).fetchall()
    if steps.rows:
        yield Fault(
            "L1", Severity.ERROR, "steps that do not lead to the balance after", part.table,
            "two calls at once began from the same balance", steps.rows,
        )  # fmt: skip


def _of_tasks(conn: Connection, plan: Plan) -> Iterator[Fault]:
    (found,) = conn.execute(_TASK_FAULTS.format(tasks=queries.tasks(plan))).fetchall()
    where = ", ".join(part.table for part in plan.tasks)
    if found.owed:
        yield Fault(
            "L9", Severity.ERROR, "users charged for failed work", where,
            f"{found.owed_users} users did not get it back", found.owed, found.owed_credits,
        )  # fmt: skip
    if found.partly:
        yield Fault(
            "L12", Severity.ERROR, "refunds of less than was charged", where,
            "part of the price came back", found.partly, found.partly_credits,
        )  # fmt: skip
    if found.twice:
        yield Fault(
            "L3", Severity.ERROR, "refunded twice", where,
            "more came back than was charged, or more than once", found.twice,
            found.twice_credits,
        )  # fmt: skip
    (beyond,) = conn.execute(
        _REFUNDED_BEYOND.format(refunds=queries.refunds(plan), tasks=queries.tasks_alone(plan))
    ).fetchall()
    if beyond.users:
        yield Fault(
            "L3", Severity.ERROR, "users who got back more than failed", where,
            "their refunds come to more than their failed work had cost", beyond.users,
            beyond.credits,
        )  # fmt: skip
    if found.delivered:
        yield Fault(
            "L18", Severity.WARNING, "refunded, and delivered", where,
            "the user has both the credits and the result", found.delivered,
            found.delivered_credits,
        )  # fmt: skip
    if found.free:
        yield Fault(
            "L10", Severity.WARNING, "delivered without a charge", where,
            "nothing was taken for it", found.free,
        )  # fmt: skip
    if found.stuck:
        yield Fault(
            "L9", Severity.ERROR, "work that never ended", where,
            f"charged, and still in flight after {plan.stuck_after_days * 24} hours", found.stuck,
            found.stuck_credits,
        )  # fmt: skip
