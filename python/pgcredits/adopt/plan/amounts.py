"""Whether an older system's amounts can come over as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.plan.model import Balances, Plan
    from pgcredits.adopt.source.catalog import Catalog

_NO_AMOUNTS = read_template(__package__, "no_amounts.sql")
_ODD_BALANCES = read_template(__package__, "odd_balances.sql")
_ODD_TASKS = read_template(__package__, "odd_tasks.sql")
_UNSIGNED_HISTORY = read_template(__package__, "unsigned_history.sql")

#: The largest balance that pgcredits keeps.
_MOST_CREDITS = 9_000_000_000_000_000
#: Settings that name columns of amounts, beside the buckets.
_AMOUNTS = ("amount", "credit", "debit", "after", "credits", "refunded_credits")


def require_amounts(conn: psycopg.Connection[Any], plan: Plan, catalog: Catalog) -> None:
    """Refuse columns of amounts in which a value is not an amount.

    Raises:
        PlanError: A value is NaN, infinity, or more than anybody has.
    """
    for part in plan.parts:
        table = catalog.tables_by_name[part.table]
        for setting, name in part.columns:
            if not (setting in _AMOUNTS or setting.startswith("bucket ")):
                continue
            if table.by_name[name].type in ("smallint", "integer"):
                continue
            (found,) = conn.execute(
                _NO_AMOUNTS.format(
                    column=sql.Identifier(name),
                    table=expressions.table(part.table),
                    largest=sql.Literal(_MOST_CREDITS),
                )
            ).fetchall()
            if found.rows:
                raise PlanError(
                    f"{part.table}: {name} is {found.example} in {found.rows} rows, which is not "
                    "an amount of credits",
                    "Correct these rows in the old table first.",
                )


def require_whole(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse balances that cannot come over as they are.

    Raises:
        PlanError: Some have fractions, or are below 0 while the plan says stop.
    """
    for part in plan.balances:
        if part.summed:
            _require_sum(conn, plan, part)
        (found,) = conn.execute(
            _ODD_BALANCES.format(balances=queries.balances(plan, part))
        ).fetchall()
        if found.fractions:
            raise PlanError(
                f"{part.table}: {found.fractions} balances are not whole credits, for example "
                f"{found.example}",
                "Set credits_per_unit, for example 100 where they have two decimals.",
            )
        if found.largest is not None and found.largest > _MOST_CREDITS:
            raise PlanError(
                f"{part.table}: a balance of {found.largest:,} is more than pgcredits keeps",
                f"The most is {_MOST_CREDITS:,}.",
            )
        if found.negatives and plan.negatives == "stop":
            raise PlanError(
                f"{part.table}: {found.negatives} balances are below 0",
                'Settle them in the old table, or forgive them: negatives = "zero".',
            )


def _require_sum(conn: psycopg.Connection[Any], plan: Plan, part: Balances) -> None:
    for one in queries.summed_histories(plan, part):
        query = _UNSIGNED_HISTORY.format(history=queries.history(plan, one))
        (found,) = conn.execute(query).fetchall()
        if found.rows:
            raise PlanError(
                f"{one.table}: the plan does not say by how much {found.rows} rows move the "
                "balance",
                "A kind other than grant, charge, refund or expiry has no sign: say which it is, "
                'or sign = "stored".',
            )


def require_tasks(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse tasks that cannot come over as they are.

    Raises:
        PlanError: One has a fraction of a credit, or two would become the same generation.
    """
    (found,) = conn.execute(_ODD_TASKS.format(tasks=queries.tasks(plan))).fetchall()
    if found.fraction is not None:
        raise PlanError(
            f"the price of {found.fraction} is not a whole number of credits",
            "Set credits_per_unit, for example 100 where they have two decimals.",
        )
    if found.twin is not None:
        raise PlanError(
            f"{found.twin} has the id of another task of this user",
            "Leave one of the two tables out of the plan, or name another key.",
        )
