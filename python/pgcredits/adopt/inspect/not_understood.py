"""Tables that seem to keep credits, and that no reading covers: none is passed over in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.lots import kinds_in_columns
from pgcredits.adopt.inspect.platforms_own import platforms_own
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import OURS, first_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Column, Table


def not_understood(
    catalog: Catalog, plan: Plan, reasons: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """These tables, and why none of them was read.

    Args:
        catalog: What there is.
        plan: What is read, and which tables are said to keep no credits.
        reasons: By table, why it was refused.
    """
    covered = {part.table for part in plan.parts}
    covered = covered.union(plan.not_credits, plan.unused, platforms_own(catalog))
    return tuple(
        (str(table), reasons.get(str(table)) or kinds_in_columns(table) or _reason(table))
        for table in catalog.tables
        if str(table) not in covered
        and table.schema not in OURS
        and (str(table) in reasons or _may_keep_credits(table) or kinds_in_columns(table))
    )


def _reason(table: Table) -> str:
    amounts = ", ".join(column.name for column in _amounts(table))
    return f"it speaks of credits, and nothing says what it keeps ({amounts})"


def _amounts(table: Table) -> list[Column]:
    """The columns that may hold an amount: numbers, or documents that may have one."""
    return [
        column
        for column in table.columns
        if (column.is_number or column.type in ("json", "jsonb"))
        and column.refers_to is None
        and column.name not in table.key
        and not column.word.endswith("_id")
    ]


def _may_keep_credits(table: Table) -> bool:
    """Whether it speaks of credits by its name, or a column, and nothing explains it otherwise."""
    name = table.word
    if any(c.is_number and vocabulary.LEFT_OF_CREDITS.search(c.word) for c in table.columns):
        return True
    if not vocabulary.SPEAKS_OF_CREDITS.search(name) or vocabulary.KEYS.search(name):
        return False
    owned = first_column(table, vocabulary.USER) or any(
        vocabulary.USER_LIKE.search(column.word) for column in table.columns
    )
    if vocabulary.FOR_SALE.search(name) and not owned:
        return False
    # Without an amount there is nothing to hold.
    return bool(_amounts(table))
