"""BI tools, psql and the README's reference show them: nothing goes without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from objects.catalog.objects import OURS, functions

if TYPE_CHECKING:
    import psycopg

RELATIONS = f"""
    select c.oid::regclass::text as name
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where
        n.nspname in {OURS}
        and c.relkind in ('r', 'p', 'v', 'm')
        and coalesce(trim(obj_description(c.oid, 'pg_class')), '') = ''
"""

COLUMNS = f"""
    select c.oid::regclass || '.' || a.attname as name
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    inner join pg_attribute as a on c.oid = a.attrelid
    where
        n.nspname in {OURS}
        and c.relkind in ('r', 'p', 'v', 'm')
        and a.attnum > 0
        and not a.attisdropped
        and coalesce(trim(col_description(c.oid, a.attnum)), '') = ''
"""

# Enums, domains and composite types; not those that come with a table, nor arrays.
TYPES = f"""
    select t.oid::regtype::text as name
    from pg_type as t
    inner join pg_namespace as n on t.typnamespace = n.oid
    left join pg_class as c on t.typrelid = c.oid
    where
        n.nspname in {OURS}
        and (t.typtype in ('e', 'd', 'r') or c.relkind = 'c')
        and coalesce(trim(obj_description(t.oid, 'pg_type')), '') = ''
"""

SCHEMAS = """
    select n.nspname as name
    from pg_namespace as n
    where
        n.nspname like 'credits%'
        and coalesce(trim(obj_description(n.oid, 'pg_namespace')), '') = ''
"""


def names(conn: psycopg.Connection[Any], query: str) -> list[str]:
    return [row.name for row in conn.execute(query).fetchall()]


def test_every_schema_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    assert names(conn, SCHEMAS) == []


def test_every_table_and_view_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    assert names(conn, RELATIONS) == []


def test_every_column_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    assert names(conn, COLUMNS) == []


def test_every_type_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    assert names(conn, TYPES) == []


def test_every_function_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    assert [f.signature for f in functions(conn) if not (f.comment or "").strip()] == []


def test_a_comment_is_sentences(conn: psycopg.Connection[Any]) -> None:
    comments = conn.execute(
        "select d.description, d.objoid::text as name from pg_description as d"
        " where d.objoid in (select p.oid from pg_proc as p"
        f" where p.pronamespace::regnamespace::text in {OURS})"
        " or d.objoid in (select c.oid from pg_class as c"
        f" where c.relnamespace::regnamespace::text in {OURS})"
    ).fetchall()

    assert len(comments) > 150
    assert [row.description for row in comments if not row.description.endswith(".")] == []


def test_public_functions_say_that_they_are_called_in_from(
    conn: psycopg.Connection[Any],
) -> None:
    # Those that return one value can be called anywhere.
    several = [f for f in functions(conn) if f.schema == "credits" and "." in f.result]

    assert several
    assert [f.signature for f in several if "Call it in FROM." not in f.comment] == []
