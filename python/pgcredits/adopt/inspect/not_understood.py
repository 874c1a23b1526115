"""Tables that seem to keep credits, and that no reading covers: none is passed over in silence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import sql

from pgcredits.adopt.inspect.lots import kinds_in_columns
from pgcredits.adopt.inspect.owners import user_column
from pgcredits.adopt.inspect.platforms_own import platforms_own
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import OURS, TEXTS
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Column, Table, Window


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
    elsewhere = (
        (str(window), _where_it_leads(window))
        for window in catalog.windows
        if str(window) not in covered and _speaks_of_credits(plain(window.name))
    )
    tables = (
        (str(table), reasons.get(str(table)) or kinds_in_columns(table) or _reason(table))
        for table in catalog.tables
        if str(table) not in covered
        and table.schema not in OURS
        and (str(table) in reasons or _may_keep_credits(table) or kinds_in_columns(table))
    )
    return (*tables, *elsewhere)


def _where_it_leads(window: Window) -> str:
    if window.is_foreign:
        return "its rows are in another database: move them over there, or copy them to a table"
    schemas = sorted({name.split(".")[0] for name in window.tables})
    return f"it shows {', '.join(window.tables)}: name that schema, too (--schema {schemas[0]})"


def _speaks_of_credits(name: str) -> bool:
    return bool(vocabulary.SPEAKS_OF_CREDITS.search(name) and not vocabulary.KEYS.search(name))


def rests(table: Table, *, keeps_credits: bool = False) -> tuple[tuple[Column, Column], ...]:
    """Pairs of columns whose difference may be credits that are left: a limit, and what was used.

    Nothing but credits may be counted by their names: a disk has a quota, too.

    Args:
        table: The table.
        keeps_credits: Whether it is known to keep some, so that no name need say so.
    """
    speaks = keeps_credits or vocabulary.SPEAKS_OF_CREDITS.search(table.word)
    used = [
        one for one in table.columns
        if one.is_number and vocabulary.USED.search(one.word) and "lifetime" not in one.word
    ]  # fmt: skip
    return tuple(
        (limit, one)
        for one in used
        for limit in table.columns
        if limit.is_number
        and vocabulary.LIMIT.search(limit.word)
        and not vocabulary.USED.search(limit.word)
        and "lifetime" not in limit.word
        and all(_is_of_credits(column) for column in (limit, one))
        and (speaks or any(_UNIT.search(column.word) for column in (limit, one)))
    )


_UNIT = re.compile(r"(^|_)(credit|token|coin)s?(_|$)")


def _is_of_credits(column: Column) -> bool:
    """Whether the rest of a name says nothing of something else that is counted."""
    word = column.word
    for pattern in (vocabulary.USED, vocabulary.LIMIT, vocabulary.BESIDE_LIMIT):
        word = pattern.sub("_", word)
    return not word.strip("_")


def what_to_let_say(table: Table, *, keeps_credits: bool = False) -> str:
    """The statement by which a column says what is left of a limit; empty = there is none."""
    found = rests(table, keeps_credits=keeps_credits)
    if not found:
        return ""
    limit, used = found[0]
    statement = sql.SQL(
        "alter table {} add credits_left numeric generated always as ({} - {}) stored"
    ).format(table.identifier, sql.Identifier(limit.name), sql.Identifier(used.name))
    return (
        f"{limit.name} less {used.name} may be what is left, and a plan reads columns. If it is, "
        f"let one say so: {statement.as_string(None)}"
    )


def _reason(table: Table) -> str:
    if what_to_let_say(table):
        return what_to_let_say(table)
    texts = [column.name for column in table.columns if _is_amount_as_text(column)]
    if texts:
        return f"it speaks of credits, and {', '.join(texts)} holds no numbers: let a column do so"
    amounts = ", ".join(column.name for column in _amounts(table))
    return f"it speaks of credits, and nothing says what it keeps ({amounts})"


def _amounts(table: Table) -> list[Column]:
    """The columns that may hold an amount: numbers, or what may have one in it."""
    return [
        column
        for column in table.columns
        if (column.is_number or column.type in ("json", "jsonb") or _is_amount_as_text(column))
        and column.refers_to is None
        and column.name not in table.key
        and not column.word.endswith("_id")
    ]


def _is_named_balance(column: Column) -> bool:
    return _is_amount_as_text(column) and bool(vocabulary.BALANCE.match(column.word))


def _is_amount_as_text(column: Column) -> bool:
    """Whether it is called as a balance or an amount is, and is a text, money, or a document."""
    is_balance = (
        vocabulary.BALANCE.match(column.word)
        and not vocabulary.NOT_BALANCE.search(column.word)
        # What lets somebody in is a token, and not several.
        and not column.word.endswith("token")
    )
    return column.type in (*TEXTS, "money", "json", "jsonb") and bool(
        is_balance or column.word in ("amount", *vocabulary.SIGNED)
    )


def _may_keep_credits(table: Table) -> bool:
    """Whether it speaks of credits by its name, or a column, and nothing explains it otherwise."""
    name = table.word
    if any(c.is_number and vocabulary.LEFT_OF_CREDITS.search(c.word) for c in table.columns):
        return True
    # A subscription brings credits, or keeps them.
    if vocabulary.SUBSCRIPTIONS.search(name) and any(
        one.is_number and vocabulary.ALL_CREDITS.match(one.word) for one in table.columns
    ):
        return True
    if user_column(table) and (rests(table) or any(map(_is_named_balance, table.columns))):
        return True
    if not _speaks_of_credits(name):
        return False
    if vocabulary.FOR_SALE.search(name) and not user_column(table):
        return False
    # Without an amount there is nothing to hold.
    return bool(_amounts(table))
