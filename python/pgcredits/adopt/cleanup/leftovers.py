"""Tables and functions that an older system has beside its credits, and that nothing uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import OURS
from pgcredits.adopt.source.writers import without_comments
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from pgcredits.adopt.source.catalog import Catalog, Function, Table

_TEXTS = read_sql(__package__, "texts.sql")
_REFERENCES = read_sql(__package__, "references.sql")
_NOT_PLAIN_TABLES = read_sql(__package__, "not_plain_tables.sql")


@dataclass(frozen=True)
class Leftover:
    """A table or a function that nothing else needs.

    Attributes:
        what: table or function.
        name: As SQL takes it; a function with its arguments' types.
        because: Why it seems to be unused.
    """

    what: str
    name: str
    because: str


def find_leftovers(conn: psycopg.Connection[Any], catalog: Catalog) -> list[Leftover]:
    """Tables and functions that nothing uses; queries that an application sends cannot be seen.

    Functions come first, since they may name the tables.
    """
    functions = {
        one.oid: one
        for one in catalog.functions
        if vocabulary.UNUSED_FUNCTIONS.match(one.name.lower())
    }
    tables = {
        one.oid: one for one in catalog.tables if vocabulary.UNUSED_NAMES.match(one.name.lower())
    }
    for row in conn.execute(_NOT_PLAIN_TABLES, {"tables": list(tables)}).fetchall():
        del tables[row.oid]
    texts = [
        (row.function, without_comments(row.text))
        for row in conn.execute(_TEXTS, {"not_in": ["information_schema", *OURS]})
    ]
    references = conn.execute(_REFERENCES, {"tables": list(tables)}).fetchall()
    # A candidate that anything else names or references is used, and so is whatever it uses
    # itself: look again until no candidate drops out.
    while True:
        telling = [text for function, text in texts if function not in functions]
        named = {oid for oid, one in functions.items() if _is_named(one.name, telling)}
        needed = {oid for oid, one in tables.items() if _is_named(one.name, telling)} | {
            row.referenced for row in references if row.referencing not in tables
        }
        if not (named or needed & tables.keys()):
            break
        functions = {oid: one for oid, one in functions.items() if oid not in named}
        tables = {oid: one for oid, one in tables.items() if oid not in needed}
    return [
        *(
            Leftover("function", str(one), f"no function calls it{_writes(one, tables.values())}")
            for one in functions.values()
        ),
        *(
            Leftover(
                "table",
                str(one),
                "no function, trigger or view names it, but what is listed here",
            )
            for one in tables.values()
        ),
    ]


def _is_named(name: str, texts: Iterable[str]) -> bool:
    found = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    return any(found.search(text) for text in texts)


def _writes(function: Function, tables: Iterable[Table]) -> str:
    named = [table.name for table in tables if _is_named(table.name, [function.source])]
    return f"; it writes {', '.join(named)}" if named else ""
