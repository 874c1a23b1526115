"""What holds for every view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from objects.views.small_histories import live
from support.api import refused

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

VIEWS = """
    select c.relname as name, c.oid, coalesce(c.reloptions, '{}') as options
    from pg_class as c
    where c.relnamespace = 'credits_monitoring'::regnamespace and c.relkind <> 'c'
    order by c.relname
"""


def views(conn: psycopg.Connection[Any]) -> list[Any]:
    found = conn.execute(VIEWS).fetchall()
    assert found
    return found


def test_every_view_and_every_column_has_a_comment(conn: psycopg.Connection[Any]) -> None:
    missing = conn.execute(
        "select c.relname, a.attname from pg_class as c"
        " inner join pg_attribute as a on a.attrelid = c.oid"
        " where c.relnamespace = 'credits_monitoring'::regnamespace and a.attnum > 0"
        " and nullif(trim(col_description(c.oid, a.attnum)), '') is null"
        " union all"
        " select c.relname, null from pg_class as c"
        " where c.relnamespace = 'credits_monitoring'::regnamespace"
        " and nullif(trim(obj_description(c.oid, 'pg_class')), '') is null"
    ).fetchall()

    assert missing == []


def test_an_analyst_and_an_operator_can_read_every_view_and_an_app_none(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    live(conn)
    query = sql.SQL("select * from credits_monitoring.{}")
    names = [view.name for view in views(conn)]

    def read(name: str) -> list[str]:
        return sorted(map(str, conn.execute(query.format(sql.Identifier(name)))))

    # Within one transaction now() stands still.
    with conn.transaction():
        expected = {name: read(name) for name in names}
        for role in ("credits_analyst", "credits_operator"):
            conn.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            assert {name: read(name) for name in names} == expected
    app = database.connect(role="credits_app")
    for name in names:
        with refused("42501"):
            app.execute(query.format(sql.Identifier(name)))


def test_views_read_with_their_owners_rights(conn: psycopg.Connection[Any]) -> None:
    for view in views(conn):
        assert not any(option.startswith("security_invoker") for option in view.options)


def test_views_read_nothing_but_our_tables(conn: psycopg.Connection[Any]) -> None:
    strangers = conn.execute(
        "select r.ev_class::regclass::text as view, d.refobjid::regclass::text as source"
        " from pg_rewrite as r"
        " inner join pg_depend as d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass"
        " inner join pg_class as s on s.oid = d.refobjid"
        " where d.refclassid = 'pg_class'::regclass"
        " and (select c.relnamespace from pg_class as c where c.oid = r.ev_class)"
        " = 'credits_monitoring'::regnamespace"
        " and s.relnamespace::regnamespace::text"
        " not in ('credits', 'credits_monitoring', 'credits_deploy')"
    ).fetchall()

    assert strangers == []


def test_views_call_none_of_our_functions(conn: psycopg.Connection[Any]) -> None:
    # A definer's function in a view would run with the rights of whoever reads it.
    called = conn.execute(
        "select r.ev_class::regclass::text as view, p.oid::regprocedure::text as function"
        " from pg_rewrite as r"
        " inner join pg_depend as d on d.objid = r.oid and d.classid = 'pg_rewrite'::regclass"
        " inner join pg_proc as p on p.oid = d.refobjid and d.refclassid = 'pg_proc'::regclass"
        " where p.pronamespace::regnamespace::text like 'credits%'"
    ).fetchall()

    assert called == []


def test_no_view_has_a_hidden_limit(conn: psycopg.Connection[Any]) -> None:
    for view in views(conn):
        row = conn.execute("select pg_get_viewdef(%s::oid) as sql", (view.oid,)).fetchone()
        assert row is not None
        assert " limit " not in row.sql.lower().replace("\n", " "), view.name
