"""Let end users see their own rows in a view, as the row security of the old table did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composable

    from pgcredits.adopt.source.catalog import Table

SQL = sql.SQL

_OWN_ROWS = read_sql(__package__, "own_rows.sql")


def shown_to(
    conn: psycopg.Connection[Any], table: Table, query: Composable, all_rows: list[str]
) -> tuple[Composable, list[str]]:
    """A query of a view, with its options, that shows some roles all rows and others their own.

    Args:
        conn: To the database.
        table: Whose row security counts; it may have moved since it was read.
        query: What the view shows.
        all_rows: Roles whose members see all of it.

    Returns:
        The query, and the roles that are to be granted SELECT beside those.
    """
    policies = conn.execute(_OWN_ROWS, {"table": table.oid}).fetchall()
    # A view reads other tables with the rights of its owner, past the row security of these: what a
    # policy with a subquery shows would be more than it showed.
    permissive = [
        _condition(one) for one in policies if one.is_permissive and not one.looks_further
    ]
    restrictive = [one for one in policies if not one.is_permissive]
    if not permissive or any(one.looks_further for one in restrictive):
        return SQL("as {}").format(query), []
    own = SQL(" and ").join(
        [SQL("({})").format(SQL(" or ").join(permissive)), *map(_condition, restrictive)]
    )
    # Whoever may see a few rows must not learn of others by a function in a condition.
    return (
        SQL(
            "with (security_barrier = true) as"
            " select {name}.* from ({query}) as {name} where {every} or ({own})"
        ).format(
            name=sql.Identifier(table.name),
            query=query,
            every=SQL(" or ").join(_belongs_to(role) for role in all_rows),
            own=own,
        ),
        list(policies[0].readers),
    )


def _condition(policy: Any) -> Composable:
    condition = SQL("coalesce({}, false)").format(SQL(policy.condition))
    if not policy.roles:
        return condition
    belongs = SQL(" or ").join(_belongs_to(role) for role in policy.roles)
    if policy.is_permissive:
        return SQL("(({}) and {})").format(belongs, condition)
    return SQL("(not ({}) or {})").format(belongs, condition)


def _belongs_to(role: str) -> Composable:
    return SQL("pg_has_role({}, 'usage')").format(sql.Literal(role))


def grantee(role: str) -> Composable:
    """A role to which something is granted; public is none, but everybody."""
    return SQL("public") if role == "public" else sql.Identifier(role)
