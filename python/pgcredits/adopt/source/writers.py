"""Functions that will fail after the cut-over, since they write to what is closed then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function

#: A comment, or a literal: matching literals, too, keeps "--" inside one from being a comment.
_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)


def without_comments(source: str) -> str:
    """The text of a function, with a space in place of each comment."""
    return _COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else " ", source)


def writes(function: Function, plan: Plan) -> bool:
    """Whether its text writes to a table that the plan closes."""
    source = without_comments(function.source).lower()
    closed = {part.table for part in plan.parts if part.close == "table"} | {
        part.table
        for part in plan.balances
        if part.close == "columns"
        and any(bucket.column.lower() in source for bucket in part.buckets)
    }
    names = "|".join(re.escape(name.split(".", 1)[1].lower()) for name in sorted(closed))
    writing = rf"(insert\s+into|update|delete\s+from)\s+(only\s+)?([\w\"]+\.)?\"?({names})\b"
    return bool(names and re.search(writing, source))


def failing_triggers(catalog: Catalog, plan: Plan) -> tuple[tuple[str, str], ...]:
    """Trigger functions that will fail, with the open table whose writes fail with them."""
    closed = set(plan.closed_tables())
    return tuple(
        (str(function), table)
        for function in catalog.functions
        if function.triggered_by and writes(function, plan)
        for table in function.triggered_by
        if table not in closed
    )
