"""Look at an older system: what it is, what is wrong with it, and whom it owes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID  # noqa: TC003 - part of what is returned

from pgcredits.adopt.cleanup.leftovers import find_leftovers
from pgcredits.adopt.inspect.discovery import Discovery, discover
from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.inspect.function_faults import faults_in_code
from pgcredits.adopt.inspect.not_understood import not_understood
from pgcredits.adopt.inspect.open_doors import open_doors
from pgcredits.adopt.inspect.row_faults import faults_in_data, users_owed
from pgcredits.adopt.plan.amounts import require_amounts
from pgcredits.adopt.plan.fitting import require_readable
from pgcredits.adopt.readings.against_history import compare
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.writers import failing_triggers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pgcredits.adopt.cleanup.leftovers import Leftover
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog

_ORDER = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Owed:
    """How much of what was charged for failed work one user did not get back.

    Attributes:
        user_id: The user, by the id that the older system has.
        tasks: How many tasks failed.
        charged: Credits that were charged for them.
        refunded: Credits that came back.
        owed: Credits that did not.
    """

    user_id: UUID | str
    tasks: int
    charged: int
    refunded: int
    owed: int


@dataclass(frozen=True)
class Inspection:
    """All that an inspection found."""

    database: str
    schemas: tuple[str, ...]
    discovery: Discovery
    faults: tuple[Fault, ...]
    owed: tuple[Owed, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def errors(self) -> int:
        """How many faults are errors."""
        return sum(fault.severity is Severity.ERROR for fault in self.faults)


def inspect(
    conn: psycopg.Connection[Any],
    schemas: Sequence[str],
    *,
    plan: Plan | None = None,
    ours: bool = False,
) -> Inspection:
    """Look at an older system in one snapshot, and change nothing.

    Args:
        conn: In autocommit; rows as named tuples.
        schemas: Where the older system is.
        plan: How to read it, where that is known; the plan's schemas count then.
        ours: Look at pgcredits' own schemas, too, where they are named.

    Raises:
        PlanError: There is no such schema, or the plan does not fit.
    """
    conn.execute("begin isolation level repeatable read read only")
    try:
        conn.execute("set local time zone 'UTC'")
        conn.execute("set local jit = off")
        # Sums of all users stay in memory.
        conn.execute("set local work_mem = '64MB'")
        # With this setting a query fails where a policy would hide rows from it.
        conn.execute("set local row_security = off")
        if plan is not None:
            require_readable(conn, plan)
        catalog = read_catalog(conn, plan.all_schemas if plan else schemas, ours=ours)
        return _inspection(conn, catalog, plan)
    finally:
        conn.execute("rollback")


def _inspection(conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan | None) -> Inspection:
    discovery = discover(conn, catalog)
    if plan is not None:
        discovery = replace(
            discovery,
            plan=plan,
            unread=(),
            failing=failing_triggers(catalog, plan),
            not_understood=not_understood(catalog, plan, dict(discovery.not_understood)),
            unused=find_leftovers(conn, catalog, plan.unused).leftovers,
        )
    else:
        require_amounts(conn, discovery.plan, catalog)
    compared = compare(conn, discovery.plan, catalog)
    discovery = replace(discovery, compared=compared)
    owed = tuple(Owed(*row) for row in users_owed(conn, discovery.plan))
    faults = [
        *faults_in_code(catalog, discovery.plan),
        *open_doors(catalog, discovery.plan),
        *faults_in_data(conn, discovery.plan, compared),
        *_unread_refunds(discovery, owed),
        *(
            Fault("-", Severity.ERROR, "not understood", table, why)
            for table, why in discovery.not_understood
        ),
    ]
    return Inspection(
        database=conn.info.dbname,
        schemas=catalog.schemas,
        discovery=discovery,
        faults=tuple(sorted(faults, key=lambda one: (_ORDER[one.severity], *_place(one.number)))),
        owed=owed,
        leftovers=discovery.unused,
    )


def _place(number: str) -> tuple[int, str]:
    return (int(number[1:]), number) if number[1:].isdigit() else (99, number)


def _unread_refunds(discovery: Discovery, owed: Sequence[Owed]) -> list[Fault]:
    plan = discovery.plan
    if not owed or plan.reads_refunds:
        return []
    aside = ", ".join(table for table, _ in discovery.aside)
    return [
        Fault(
            "L9",
            Severity.WARNING,
            "nothing says what was refunded: less may be owed",
            ", ".join(part.table for part in plan.tasks),
            f"left aside: {aside}" if aside else "no column, no log and no history does",
        )
    ]
