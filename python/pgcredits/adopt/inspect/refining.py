"""What other tables and rows tell of a table's reading, once it is known what each of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from psycopg import sql

from pgcredits.adopt.plan.model import Balances, History, Tasks
from pgcredits.adopt.plan.tiers import promises
from pgcredits.adopt.source import expressions
from pgcredits.adopt.source.vocabulary import UNKNOWN
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from decimal import Decimal

    import psycopg

    from pgcredits.adopt.plan.model import Part
    from pgcredits.adopt.source.catalog import Catalog

_DIRECTIONS_OF_WORDS = read_template(__package__, "directions_of_words.sql")


def refined(
    conn: psycopg.Connection[Any], catalog: Catalog, part: Part, tasks: Collection[str]
) -> Part:
    """The same reading, with what its foreign keys, balances after and promises say.

    Args:
        conn: Rows as named tuples.
        catalog: What there is.
        part: The reading.
        tasks: The tables that are read as tasks.
    """
    if isinstance(part, History):
        return _with_directions(conn, _with_foreign_keys(catalog, part, tasks))
    if isinstance(part, Balances):
        return _with_promises(conn, part)
    return part


def unknown_words(part: Part) -> Iterator[tuple[str, str, str]]:
    """Its table, the column, and the word, where nobody knows what that word means."""
    column: str = ""
    words: Mapping[str, str] = {}
    if isinstance(part, History):
        column, words = part.kind, part.kinds
    elif isinstance(part, Tasks):
        column, words = part.status, part.statuses
    elif isinstance(part, Balances):
        column, words = part.tier, part.tiers
    for word, meaning in words.items():
        if meaning == UNKNOWN:
            yield part.table, column, word


def _with_foreign_keys(catalog: Catalog, part: History, tasks: Collection[str]) -> History:
    """A foreign key to the tasks says first what a row belongs to."""
    columns = catalog.tables_by_name[part.table].columns
    keys = (column.name for column in columns if column.refers_to in tasks)
    named = tuple(dict.fromkeys((*keys, *filter(None, part.references))))
    return replace(part, reference=named if len(named) > 1 else "".join(named))


def _with_directions(conn: psycopg.Connection[Any], part: History) -> History:
    """Where each row shows the balance after it, this says which words mean a charge."""
    if not (part.after and part.at and part.amount and part.sign == "kind"):
        return part
    names = {
        setting: sql.Identifier(getattr(part, setting))
        for setting in ("kind", "amount", "after", "user", "at", "key")
    }
    kinds: dict[str, Any] = dict(part.kinds)
    for row in conn.execute(
        _DIRECTIONS_OF_WORDS.format(table=expressions.table(part.table), **names)
    ):
        if row.rises != row.falls and kinds.get(row.word) not in ("refund", "expiry"):
            kinds[row.word] = "grant" if row.rises else "charge"
    return replace(part, kinds=kinds)


def _with_promises(conn: psycopg.Connection[Any], part: Balances) -> Balances:
    """Users who were promised more than most of their tier: a person says what becomes of them."""
    usual: dict[str, Decimal] = {}
    tiers = dict(part.tiers)
    for promise in promises(conn, part):
        most = usual.setdefault(promise.tier, promise.allowance)
        if promise.allowance > most and promise.tier in tiers:
            tiers[promise.word] = UNKNOWN
    return replace(part, tiers=tiers)
