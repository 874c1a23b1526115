"""Tables that speak of credits and are no user's: what is left at providers, sums by day."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pgcredits.adopt.cleanup.leftovers import find_leftovers
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import OURS, first_column
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import psycopg

    from pgcredits.adopt.cleanup.leftovers import Leftover
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Table


def platforms_own(catalog: Catalog) -> set[str]:
    """The tables in which no column could say whose the credits are, but a provider or a day.

    Those that refer to one of them are the platform's, too, unless a user's table does.
    """
    own = {str(table) for table in catalog.tables if _is_own(table)}
    owned = {str(table) for table in catalog.tables if is_owned(table)}
    while True:
        more = {name for name, _ in _references(catalog, own)} - owned
        less = {whose for name, whose in _references(catalog, own) if name in owned}
        if more <= own and not less & own:
            return own
        own = (own | more) - less
        owned |= less


def is_owned(table: Table) -> bool:
    """Whether its rows may be some user's."""
    tables = (table.word, *(_bare(c.refers_to) for c in table.columns if c.refers_to))
    return bool(
        first_column(table, vocabulary.USER)
        or any(vocabulary.USER_LIKE.search(column.word) for column in table.columns)
        or any(
            pattern.match(word)
            for pattern in (vocabulary.USERS_TABLE, vocabulary.GROUPS_TABLE)
            for word in tables
        )
    )


def _bare(table: str) -> str:
    return vocabulary.plain(table.partition(".")[2])


def _references(catalog: Catalog, to: Collection[str]) -> Iterator[tuple[str, str]]:
    """The tables that refer to one of these, and to which."""
    for table in catalog.tables:
        for column in table.columns:
            whose = column.refers_to
            if whose is not None and whose in to and whose != str(table):
                yield str(table), whose


def _is_own(table: Table) -> bool:
    provider = first_column(table, vocabulary.AT_PROVIDER)
    by_day = bool(table.key) and all(table.by_name[name].is_time for name in table.key)
    told = [c for c in table.columns if c is not provider and c.name not in table.key]
    return bool(
        (provider or by_day)
        and not is_owned(table)
        # A text, an id or a document may name anybody.
        and all(c.is_number or c.is_time or c.type == "boolean" for c in told)
    )


def unused(
    conn: psycopg.Connection[Any], catalog: Catalog, plan: Plan, doubtful: Collection[str]
) -> tuple[Leftover, ...]:
    """Tables that speak of credits, are nobody's and that nothing uses; functions of these alone.

    Args:
        conn: Rows as named tuples.
        catalog: What there is.
        plan: What is read.
        doubtful: Tables that may keep users' credits.
    """
    own = platforms_own(catalog)
    read = {part.table for part in plan.parts}.union(doubtful)
    tables = {
        str(table)
        for table in catalog.tables
        if table.schema not in OURS
        and str(table) not in read
        and (str(table) in own or not is_owned(table))
        and vocabulary.SPEAKS_OF_CREDITS.search(table.word)
        and not vocabulary.FOR_SALE.search(table.word)
    }
    named = {str(table): re.compile(rf"(?<!\w){re.escape(table.name)}(?!\w)", re.IGNORECASE)
             for table in catalog.tables}  # fmt: skip
    functions = []
    for one in catalog.functions if tables else ():
        text = without_comments(one.source)
        says = {name for name, pattern in named.items() if pattern.search(text)}
        if says and says <= tables:
            functions.append(str(one))
    return find_leftovers(conn, catalog, [*sorted(tables), *functions]).leftovers
