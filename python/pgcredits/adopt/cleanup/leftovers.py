"""Which of the named tables and functions of an older system nothing uses, and why others stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgcredits.adopt.source.catalog import OURS
from pgcredits.adopt.source.writers import without_comments
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

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


@dataclass(frozen=True)
class Kept:
    """Something that was named, and stays.

    Attributes:
        name: As it was named, or a function with its arguments' types.
        because: What needs it.
    """

    name: str
    because: str


@dataclass(frozen=True)
class Found:
    """What became of the names.

    Attributes:
        leftovers: What nothing uses; functions come first, since they may name the tables.
        kept: The rest.
    """

    leftovers: tuple[Leftover, ...] = ()
    kept: tuple[Kept, ...] = ()


def find_leftovers(
    conn: psycopg.Connection[Any],
    catalog: Catalog,
    names: Collection[str],
    needed: Mapping[str, str] | None = None,
) -> Found:
    """Which of these tables and functions nothing uses; an application's queries cannot be seen.

    Args:
        conn: Rows as named tuples.
        catalog: Of the schemas that the names have.
        names: With their schemas; a function with or without its arguments' types.
        needed: Why some tables stay, by their names.
    """
    if not names:
        return Found()
    functions = {str(one): one for one in catalog.functions if _names_of(one) & set(names)}
    tables = {str(one): one for one in catalog.tables if str(one) in names}
    known = {*tables, *(name for one in functions.values() for name in _names_of(one))}
    kept = [Kept(name, "it is not there") for name in names if name not in known]
    kept += _out_of_question(conn, tables, functions, needed or {})
    texts = [
        (row.function, row.name, without_comments(row.text))
        for row in conn.execute(_TEXTS, {"not_in": ["information_schema", *OURS]})
    ]
    references = conn.execute(
        _REFERENCES, {"tables": [one.oid for one in tables.values()]}
    ).fetchall()
    # Whatever anything else names or refers to is used, and so is whatever it uses itself: look
    # again until nothing drops out.
    while True:
        going = {one.oid for one in functions.values()}
        telling = [(owner, text) for function, owner, text in texts if function not in going]
        used = {
            name: f"{owner} names it"
            for name, bare in _bare_names(functions, tables)
            if (owner := _who_names(bare, telling))
        }
        by_oid = {one.oid: name for name, one in tables.items()}
        for row in references:
            if row.referencing not in by_oid and row.referenced in by_oid:
                used.setdefault(by_oid[row.referenced], f"{row.name} refers to it")
        if not used:
            break
        kept += [Kept(name, because) for name, because in used.items()]
        functions = {name: one for name, one in functions.items() if name not in used}
        tables = {name: one for name, one in tables.items() if name not in used}
    return Found(tuple(_leftovers(functions.values(), tables.values())), tuple(kept))


def _bare_names(
    functions: Mapping[str, Function], tables: Mapping[str, Table]
) -> Iterator[tuple[str, str]]:
    for name, function in functions.items():
        yield name, function.name
    for name, table in tables.items():
        yield name, table.name


def _names_of(function: Function) -> set[str]:
    bare = f"{function.schema}.{function.name}"
    return {bare, f"{bare}({', '.join(function.argument_types)})", str(function)}


def _out_of_question(
    conn: psycopg.Connection[Any],
    tables: dict[str, Table],
    functions: dict[str, Function],
    needed: Mapping[str, str],
) -> Iterator[Kept]:
    """Take out what stays whether anything names it or not."""
    oids = [one.oid for one in tables.values()]
    odd = {row.oid for row in conn.execute(_NOT_PLAIN_TABLES, {"tables": oids})}
    for name, table in list(tables.items()):
        because = needed.get(name)
        if because is None and table.oid in odd:
            because = "partitions, children and rules are not copied: drop it by hand"
        if because is not None:
            del tables[name]
            yield Kept(name, because)
    for name, function in list(functions.items()):
        if function.triggered_by:
            del functions[name]
            yield Kept(name, f"a trigger on {function.triggered_by[0]} calls it")


def _who_names(name: str, texts: Iterable[tuple[str, str]]) -> str:
    """The first function or view whose text has this name; empty = none has."""
    found = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)
    return next((owner for owner, text in texts if found.search(text)), "")


def _leftovers(functions: Iterable[Function], tables: Collection[Table]) -> Iterator[Leftover]:
    for one in functions:
        written = [table.name for table in tables if _who_names(table.name, [("x", one.source)])]
        more = f"; it writes {', '.join(written)}" if written else ""
        yield Leftover("function", str(one), f"no function calls it{more}")
    for table in tables:
        yield Leftover(
            "table", str(table), "no function, trigger or view names it, but what is listed here"
        )
