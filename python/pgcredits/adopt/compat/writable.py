"""A view in the place of an old table that applications go on to write: its writes move credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.compat.own_rows import grantee, shown_to
from pgcredits.adopt.compat.views import as_column, lots_shown
from pgcredits.adopt.compat.writing import EVENTS, make_writable
from pgcredits.adopt.move import closing
from pgcredits.adopt.source import expressions
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, Plan
    from pgcredits.adopt.source.catalog import Table

SQL = sql.SQL

_VIEW = read_template(__package__, "writable_view.sql")
_BALANCE = read_template(__package__, "balance_of_column.sql")
_WHOLE_BALANCE = read_template(__package__, "whole_balance.sql")
_OPEN_ACCOUNTS = read_template(__package__, "open_accounts.sql")
_STALE_BALANCE = read_template(__package__, "stale_balance.sql")
_MOVE = SQL("alter table {} set schema {}")
_RENAME = SQL("alter table {} rename to {}")
_TABLE_BEHIND = read_sql(__package__, "table_behind_view.sql")
_OWNER = read_sql(__package__, "owner_of_table.sql")

#: Which lots a column shows; all others show all that there is.
_KINDS = {
    (): SQL("false"),
    ("expiring",): SQL("l.expires_at is not null"),
    ("lasting",): SQL("l.expires_at is null"),
}


@dataclass(frozen=True)
class Place:
    """Where a writable view and the table behind it are.

    Attributes:
        plan: What the plan says of everything.
        part: What it says of this table.
        table: The table as it was found.
        schema: The schema of compat, into which the table has moved.
        tiers: The words of tiers, and their plans.
    """

    plan: Plan
    part: Balances
    table: Table
    schema: str
    tiers: dict[str, str]

    @property
    def user_id(self) -> Composable:
        """The user of a row, t, as pgcredits knows them."""
        return expressions.user_id(self.plan, expressions.user(self.plan, self.part))

    @property
    def view(self) -> sql.Identifier:
        """The view, which has the table's name."""
        return self.table.identifier

    @property
    def behind(self) -> sql.Identifier:
        """The table, where it is now."""
        return sql.Identifier(self.schema, _moved_name(self.table.name))

    def function(self, name: str) -> sql.Identifier:
        """A function that belongs to the view."""
        return sql.Identifier(self.schema, _function_name(name, self.table.name))


def _function_name(does: str, table: str) -> str:
    return closing.short(f"pgcredits_{does}_{table}")


def _moved_name(name: str) -> str:
    return closing.short(f"old_{name}")


# --- there and back -------------------------------------------------------------------------------


def put_back(conn: psycopg.Connection[Any], plan: Plan, comment: str) -> None:
    """Drop the views that stand in the place of tables, and put these back, closed as before.

    Args:
        conn: Within a transaction.
        plan: Names the tables.
        comment: How comments begin of what compat has made.
    """
    for part in plan.balances:
        schema, name = part.table.split(".", 1)
        view = expressions.quoted(part.table)
        asked = {"view": view, "comment": comment, "name": _moved_name(name)}
        for found in conn.execute(_TABLE_BEHIND, asked).fetchall():
            behind = sql.Identifier(found.schema, found.name)
            conn.execute(SQL("drop view {}").format(expressions.table(part.table)))
            for function in ("stale", *EVENTS):
                conn.execute(
                    SQL("drop function if exists {}").format(
                        sql.Identifier(found.schema, _function_name(function, name))
                    )
                )
            moved = sql.Identifier(schema, found.name)
            conn.execute(_MOVE.format(behind, sql.Identifier(schema)))
            conn.execute(_RENAME.format(moved, sql.Identifier(name)))
            closing.reopen(conn, view)
            _close(conn, plan, part.table, view)


def _close(conn: psycopg.Connection[Any], plan: Plan, name: str, table: str) -> None:
    for part in (one for one in plan.parts if one.table == name):
        columns = [bucket.column for bucket in getattr(part, "buckets", ())]
        closing.close(conn, table, part.close, columns)


def leave_view(conn: psycopg.Connection[Any], place: Place, application: str) -> list[Composable]:
    """Move a table into compat's schema, and leave a view in its place.

    Args:
        conn: Within a transaction.
        place: Where they are.
        application: The role that may write the view.

    Returns:
        What was made, as COMMENT ON takes it.
    """
    part, table, schema = place.part, place.table, place.schema
    (owned,) = conn.execute(_OWNER, {"table": expressions.quoted(part.table)}).fetchall()
    conn.execute(SQL("drop view if exists {}").format(sql.Identifier(schema, table.name)))
    # The table is renamed first: compat's schema may have a view of its old name.
    renamed = _moved_name(table.name)
    conn.execute(_RENAME.format(place.view, sql.Identifier(renamed)))
    conn.execute(_MOVE.format(sql.Identifier(table.schema, renamed), sql.Identifier(schema)))
    behind = place.behind.as_string(conn)
    closing.reopen(conn, behind)
    closing.close(conn, behind, "columns", [bucket.column for bucket in part.buckets])
    conn.execute(
        _OPEN_ACCOUNTS.format(
            user_id=place.user_id, table=place.behind, user=sql.Identifier(part.user)
        )
    )
    _make_view(conn, place, [application, owned.owner])
    return [
        SQL("view {}").format(place.view),
        SQL("function {}(bigint)").format(place.function("stale")),
        *make_writable(conn, place),
    ]


# --- the view -------------------------------------------------------------------------------------


def _make_view(conn: psycopg.Connection[Any], place: Place, all_rows: list[str]) -> None:
    stale = place.function("stale")
    conn.execute(_STALE_BALANCE.format(function=stale, name=sql.Literal(place.part.table)))
    query: Composable = _VIEW.format(
        shown=SQL(", ").join(_shown(place)), table=place.behind, user_id=place.user_id
    )
    query, readers = shown_to(conn, place.table, query, all_rows)
    conn.execute(SQL("create view {} {}").format(place.view, query))
    writers = SQL(", ").join(map(sql.Identifier, all_rows))
    everyone = SQL(", ").join([writers, *map(grantee, readers)])
    conn.execute(SQL("revoke all on function {}(bigint) from public").format(stale))
    conn.execute(SQL("grant execute on function {}(bigint) to {}").format(stale, everyone))
    conn.execute(SQL("grant select on {} to {}").format(place.view, everyone))
    conn.execute(SQL("grant insert, update, delete on {} to {}").format(place.view, writers))


def _shown(place: Place) -> Iterator[Composable]:
    lots = lots_shown(place.part)
    per_unit = sql.Literal(place.plan.credits_per_unit)
    for column in place.table.columns:
        if column.name not in lots:
            yield sql.Identifier("t", column.name)
        elif lots[column.name] not in _KINDS:
            yield as_column(SQL("({})").format(_WHOLE_BALANCE.format(per_unit=per_unit)), column)
        else:
            kind = _KINDS[lots[column.name]]
            balance = _BALANCE.format(kind=kind, stale=place.function("stale"), per_unit=per_unit)
            yield as_column(SQL("({})").format(balance), column)
