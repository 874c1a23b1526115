"""How many credits one unit of an older system is: by the decimals of its amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from psycopg import sql

from pgcredits.adopt.source import expressions
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.plan.model import Part, Plan
    from pgcredits.adopt.source.catalog import Catalog

_DECIMALS = read_template(__package__, "decimals.sql")

#: Settings that name columns of amounts, beside the buckets.
_AMOUNTS = ("amount", "credit", "debit", "credits")
#: More decimals than these are rounded; of floating point, they are noise.
_MOST_DECIMALS = 9
_MOST_OF_FLOATS = 6
#: The largest balance that pgcredits keeps.
_MOST_CREDITS = 9_000_000_000_000_000


def with_units(conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan) -> Plan:
    """The plan with as many credits to a unit as its amounts have decimals.

    Where they have too many, or a balance would be too large, they are rounded.
    """
    decimals, kept, largest = 0, 0, 0
    for part in plan.parts:
        for name in _amounts(part):
            column = catalog.tables_by_name[part.table].by_name[name]
            if column.type in ("smallint", "integer", "bigint"):
                continue
            (found,) = conn.execute(
                _DECIMALS.format(column=sql.Identifier(name), table=expressions.table(part.table))
            ).fetchall()
            most = _MOST_DECIMALS if column.type == "numeric" else _MOST_OF_FLOATS
            decimals = max(decimals, found.decimals)
            kept = max(kept, min(found.decimals, most))
            largest = max(largest, found.largest)
    while kept and largest * 10**kept > _MOST_CREDITS:
        kept -= 1
    rounding = "nearest" if kept < decimals else plan.rounding
    return replace(plan, credits_per_unit=10**kept, rounding=rounding)


def _amounts(part: Part) -> list[str]:
    return [
        name
        for setting, name in part.columns
        if setting in _AMOUNTS or setting.startswith("bucket ")
    ]
