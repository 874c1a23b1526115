"""What an older system's rows say of its columns: questions that names alone do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.source.catalog import Column, Table

Name = sql.Identifier

#: A column with more different words than these is not read as a list of words.
_MOST_WORDS = 100

_LEADS_TO = read_template(__package__, "leads_to.sql")
_NAMED_INSTEAD = read_template(__package__, "named_instead.sql")
_NO_UUIDS = read_template(__package__, "no_uuids.sql")
_WITHIN = read_template(__package__, "within.sql")
_WORDS_OF_COLUMN = read_template(__package__, "words_of_column.sql")


class Rows:
    """The rows of an older system."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        """Prepare to ask.

        Args:
            conn: Rows as named tuples.
        """
        self._conn = conn

    def words_of(self, table: Table, column: str, amount: str) -> dict[str, Any]:
        """The words in a column, and how often the amount beside is below 0; empty = no list.

        Where no column is named, all rows count as those of one empty word.
        """
        found = self._conn.execute(
            _WORDS_OF_COLUMN.format(
                column=expressions.column(column),
                amount=expressions.column(amount),
                table=table.identifier,
                most=sql.Literal(_MOST_WORDS + 1),
            )
        ).fetchall()
        return {row.word: row for row in found} if len(found) <= _MOST_WORDS else {}

    def is_within(self, table: Table, part: str, whole: str) -> bool:
        """Whether in each row one column lies between 0 and another, and there is a row."""
        (found,) = self._conn.execute(
            _WITHIN.format(part=Name(part), whole=Name(whole), table=table.identifier)
        ).fetchall()
        return bool(found.is_within)

    def leads_to(self, table: Table, column: Column, other: Table, key: Column) -> bool:
        """Whether each value of a column stands in a column of another table, and there is one."""
        (found,) = self._conn.execute(
            _LEADS_TO.format(
                column=Name(column.name),
                table=table.identifier,
                key=Name(key.name),
                other=other.identifier,
            )
        ).fetchall()
        return bool(found.leads_there)

    def are_named_instead(self, table: Table, user: Column, other: Column) -> bool:
        """Whether a row has nothing in one column, and something in another."""
        query = _NAMED_INSTEAD.format(
            user=Name(user.name), other=Name(other.name), table=table.identifier
        )
        return bool(self._conn.execute(query).fetchall())

    def is_one_each(self, table: Table, column: Column) -> bool:
        """Whether no two rows have the same in a column."""
        return not self._conn.execute(queries.repeated(table.identifier, column.name)).fetchall()

    def are_uuids(self, table: Table, column: Column) -> bool:
        """Whether a column has nothing but uuids, be they texts."""
        if column.type == "uuid" or not column.is_word:
            return column.type == "uuid"
        query = _NO_UUIDS.format(column=Name(column.name), table=table.identifier)
        return not self._conn.execute(query).fetchall()
