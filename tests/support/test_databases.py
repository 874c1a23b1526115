"""Each test has a database of its own, whose ledger must prove itself afterwards."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from pgcredits.deploy.manifest import read_live
from support import databases
from support.api import call, new_user
from support.state import everything, rows_as_text

if TYPE_CHECKING:
    from support.databases import Database, Template
    from support.servers import PostgresServer


@pytest.mark.parametrize("turn", ["one", "another"])
def test_a_test_does_not_see_what_another_committed(
    conn: psycopg.Connection[Any], turn: str
) -> None:
    assert everything(conn)["credit_transactions"] == []

    call(conn, "grant_user_credits", new_user(), 5)

    assert len(everything(conn)["credit_transactions"]) == 1


LEFT = {
    "rows": "select credits.grant_user_credits(credits_internal.uuid_v7(now()), 5, 'promo')",
    "configuration": "update credits.settings set refund_grace = '3 days'",
    "a configuration without a row": "delete from credits.alert_rules",
    "a clock that stands": f"""
        create or replace function credits_internal.clock() returns timestamptz
        language sql volatile parallel safe security invoker
        as $$ select '{datetime(2030, 1, 1, tzinfo=UTC)}'::timestamptz $$
    """,
    "another function": """
        create or replace function credits_internal.nil_uuid() returns uuid
        language sql immutable parallel safe security invoker
        as $$ select 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid $$
    """,
    "a table": "create table public.left_behind (x integer)",
    "a table less": "drop table credits.purge_positions cascade",
    "a column": "alter table credits.plans add column left_behind integer",
    "a trigger less": "alter table credits.credit_transactions disable trigger user",
    "a constraint": "alter table credits.plans add constraint left_behind check (plan <> 'x')",
    "a comment": "comment on table credits.plans is 'Left behind.'",
    "a comment on the database": "comment on database {database} is 'Left behind.'",
    "a right": "grant select on credits.plans to public",
    "a right on the database": "grant create on database {database} to public",
    "a setting of the database": "alter database {database} set work_mem = '1234kB'",
    "a setting of a role": "alter role current_user in database {database} set work_mem = '1234kB'",
    "a large object": "select pg_catalog.lo_create(0)",
    "statistics": "vacuum analyze credits.plans",
    "a setting of the session": "set work_mem = '1234kB'",
    "a role": "set role credits_app",
    "a temporary table": "create temporary table left_behind (x integer)",
    "a lock": "select pg_catalog.pg_advisory_lock(1)",
    "a channel": "listen left_behind",
    "a prepared statement": "prepare left_behind as select 1",
    "an open transaction": "begin; update credits.plans set monthly_credits = 7",
    "a transaction that failed": "begin; create table public.left_behind (x integer); select 1/0",
}

#: What is not rows of the ledger.
_AROUND = """
    select 'locks', count(*)::text
    from pg_catalog.pg_locks as l
    where l.locktype = 'advisory' and l.pid = pg_catalog.pg_backend_pid()
    union all select 'channels', string_agg(c, ',') from pg_catalog.pg_listening_channels() as c
    union all select 'statements', string_agg(p.name, ',')
    from pg_catalog.pg_prepared_statements as p
    union all select 'role', current_user::text
    union all select 'time', (credits_internal.clock() > '2029-01-01')::text
    union all select 'work_mem', current_setting('work_mem')
    union all select 'statistics', count(*)::text
    from pg_catalog.pg_class as c
    where c.relkind = 'r' and c.reltuples >= 0 and c.oid >= 16384
    union all select 'relations', string_agg(c.oid::regclass::text, ',' order by c.oid)
    from pg_catalog.pg_class as c
    where c.relkind in ('r', 'v') and c.oid >= 16384
    union all select 'large objects', count(*)::text from pg_catalog.pg_largeobject_metadata
    union all select 'database', concat_ws(
        ',', d.datacl, pg_catalog.shobj_description(d.oid, 'pg_database'),
        (select count(*) from pg_catalog.pg_db_role_setting as s where s.setdatabase = d.oid)
    )
    from pg_catalog.pg_database as d where d.datname = current_database()
"""


def _observed(database: Database) -> list[Any]:
    conn = database.connect()
    return [
        sorted(map(tuple, conn.execute(_AROUND).fetchall())),
        rows_as_text(conn),
        sorted(read_live(conn).items(), key=lambda item: str(item[0])),
    ]


@pytest.fixture(scope="module")
def observed_in_a_new_copy(postgres_server: PostgresServer, template: Template) -> list[Any]:
    with databases.Template(postgres_server, template.name).clone() as new:
        return _observed(new)


@pytest.mark.parametrize("left", LEFT)
def test_nothing_that_a_test_leaves_is_there_for_the_next(
    template: Template, observed_in_a_new_copy: list[Any], left: str
) -> None:
    with template.clone(verify=False) as database:
        statement = LEFT[left].replace("{database}", f'"{database.name}"')
        with suppress(psycopg.errors.DivisionByZero):
            database.connect().execute(statement.encode())

    with template.clone() as database:
        assert _observed(database) == observed_in_a_new_copy


def test_the_next_test_has_the_same_copy_and_another_connection_to_the_same_session(
    postgres_server: PostgresServer, template: Template
) -> None:
    template = databases.Template(postgres_server, template.name, reused=True)
    with template.clone() as database:
        first = database.connect()
        for _ in range(10):
            first.execute("select %s::integer", (1,))
        first.prepare_threshold = None
        pid = first.info.backend_pid
    # A test that needs no connection leaves it to the next one.
    with template.clone():
        pass
    with template.clone() as database:
        second = database.connect()
        assert second.info.backend_pid == pid
        assert second.prepare_threshold is not None
        for _ in range(10):
            second.execute("select %s::integer", (1,))
    template.close()


def test_a_copy_that_was_changed_is_gone_also_while_somebody_uses_it(
    template: Template, postgres_server: PostgresServer
) -> None:
    def exists(database: Database) -> bool:
        with postgres_server.connect() as admin:
            query = "select from pg_catalog.pg_database where datname = %s"
            return bool(admin.execute(query, (database.name,)).fetchall())

    with template.clone() as database:
        database.connect().execute("create table public.left_behind (x integer)")
        # A session that is in the middle of a transaction must not keep the database from being
        # dropped.
        database.connect(autocommit=False).execute("select 1")
        assert exists(database)

    assert not exists(database)


def test_a_connection_can_take_a_role(database: Database) -> None:
    conn = database.connect(role="credits_analyst", autocommit=False)

    assert conn.execute("select current_user as role").fetchone() == ("credits_analyst",)
    conn.rollback()
    assert conn.execute("select current_user as role").fetchone() == ("credits_analyst",)


def test_a_broken_ledger_fails_its_test_unless_the_test_says_so(
    postgres_server: PostgresServer,
) -> None:
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA", "-n0"),
            *("--postgres=dsn", f"--postgres-dsn={postgres_server.dsn()}"),
            str(Path(__file__).with_name("breaks_the_ledger.py")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    report = run.stdout + run.stderr
    assert run.returncode == 1, report
    assert "the ledger does not prove itself" in report
    assert "ERROR tests/support/breaks_the_ledger.py::test_in_silence" in report
    assert "2 passed, 1 error" in report
