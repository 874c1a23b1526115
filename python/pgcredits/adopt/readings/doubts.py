"""What names alone leave in doubt, where no history speaks for the balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.lots import is_special
from pgcredits.adopt.inspect.not_understood import what_to_let_say
from pgcredits.adopt.source import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog


def doubts(catalog: Catalog, plan: Plan) -> Iterator[str]:
    """Questions to a person: whether these are credits, and whether there are more of them.

    Args:
        catalog: What there is.
        plan: How names read it.
    """
    for part in plan.balances:
        if part.summed:
            continue
        table = catalog.tables_by_name[part.table]
        held = [table.by_name[bucket.column] for bucket in part.buckets]
        special = ", ".join(column.name for column in held if is_special(column))
        if special:
            yield (
                f"{table}: does {special} hold credits that its user may spend? If not, remove the "
                f'table, and write not_credits = ["{table}"]'
            )
        is_all_bought = all(vocabulary.PURCHASED.search(column.word) for column in held)
        rest = what_to_let_say(table, keeps_credits=True) if is_all_bought else ""
        if rest:
            yield f"{table}: {rest}"
