"""Whether the old history, or where it is silent the old code, contradicts a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.recognising import bucket_of, may_hold
from pgcredits.adopt.readings.against_history import compare, differences, held
from pgcredits.adopt.readings.balances import balance_readings, least_contradicted
from pgcredits.adopt.readings.code import Said, contradictions, what_code_says
from pgcredits.adopt.source.catalog import keeps_lots, read_catalog
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Balances, Plan
    from pgcredits.adopt.readings.against_history import Comparison
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]

_SUMMED_COLUMNS = read_template(__package__, "summed_columns.sql")


def require_proved(conn: Connection, plan: Plan) -> None:
    """Refuse a plan by which users have other credits than the old system says.

    Raises:
        PlanError: They differ by more than the plan accepts; the message names users.
    """
    catalog = read_catalog(conn, plan.all_schemas)
    found = compare(conn, plan, catalog)
    if found is not None:
        _require_agreed(plan, found, "the old history contradicts the plan")
        return
    for reason, found in _against_code(conn, plan, catalog):
        _require_agreed(plan, found, f"the old system's code contradicts the plan: {reason}")


def _require_agreed(plan: Plan, found: Comparison, contradicts: str) -> None:
    if found.credits <= plan.accept_difference:
        return
    named = "; ".join(map(str, found.worst))
    raise PlanError(
        f"{contradicts}: {found.differing:,} of {found.users:,} users differ by "
        f"{found.credits:,f} credits: {named}",
        "Correct the plan, or the old rows. Where the plan is right, accept it there: "
        f"{found.to_accept}.",
    )


def widened(plan: Plan, catalog: Catalog) -> Plan:
    """The plan with a bucket for each column of its tables that may hold credits."""
    return replace(
        plan, balances=tuple(_widened_part(plan, part, catalog) for part in plan.balances)
    )


def _widened_part(plan: Plan, part: Balances, catalog: Catalog) -> Balances:
    table = catalog.tables_by_name[part.table]
    # Of lots it is their shape that tells what is left from what there was.
    if part.summed or keeps_lots(table, part):
        return part
    named = {
        bucket.column for one in plan.balances if one.table == part.table for bucket in one.buckets
    }
    taken = {part.key, part.user, *named}
    more = tuple(
        bucket_of(column, table, has_others=True)
        for column in table.columns
        if column.name not in taken and may_hold(column)
    )
    return replace(part, buckets=part.buckets + more)


def _against_code(conn: Connection, plan: Plan, catalog: Catalog) -> list[tuple[str, Comparison]]:
    """What code says against the plan, and how the balances differ from its reading."""
    wide = widened(plan, catalog)
    said = what_code_says(catalog, wide)
    against = [one for part in plan.balances for one in _contradicted(part, said)]
    if not against:
        return []
    best = least_contradicted(balance_readings(wide.balances, said))[0]
    if len(best.against) >= len(against):
        return []
    by_code = replace(wide, balances=best.parts)
    moves = _SUMMED_COLUMNS.format(balances=held(by_code))
    return [(against[0], differences(conn, plan, moves))]


def _contradicted(part: Balances, said: dict[str, Said]) -> list[str]:
    parts = {bucket.column: bucket.parts for bucket in part.buckets if bucket.parts}
    included = {name for names in parts.values() for name in names}
    adding = {bucket.column for bucket in part.buckets} - included
    return list(contradictions(said.get(part.table, Said()), adding, parts))
