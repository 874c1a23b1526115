"""Whoever may only connect can hold up no call, no maintenance and no deploy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from pgcredits import deploy
from pgcredits.errors import RefusedError
from support.api import rows
from support.attempts import attach, callback, fail, start, state
from support.paths import ROOT
from support.races import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database

#: The keys by which version 0.1.0 kept sessions apart.
CHECK = "hashtextextended('pgcredits:check_alerts', 0)"
TASK = "hashtextextended('pgcredits:task:nanobanana:t-1', 0)"
DEPLOY = "1885823858, 1684369516"


@pytest.fixture
def outsider(database: Database, stranger: str) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role without any right, in the middle of a transaction."""
    conn = database.connect(role=stranger, autocommit=False)
    conn.execute("select 1")
    yield conn
    conn.close()


def test_nobody_who_holds_an_advisory_lock_holds_up_a_check_of_the_alerts(
    conn: psycopg.Connection[Any], outsider: psycopg.Connection[Any]
) -> None:
    outsider.execute(f"select pg_advisory_lock({CHECK})")
    fail(conn, start(conn), "provider_out_of_credits")

    assert [row.type for row in rows(conn, "check_alerts")] == ["provider_out_of_credits"]


def test_nobody_who_holds_an_advisory_lock_holds_up_an_attachment_or_a_callback(
    database: Database, conn: psycopg.Connection[Any], outsider: psycopg.Connection[Any]
) -> None:
    outsider.execute(f"select pg_advisory_lock({TASK})")
    attempt = start(conn)

    with Session(database) as app:
        for step in (
            lambda own: callback(own, "t-1", "202"),
            lambda own: attach(own, attempt, "t-1"),
        ):
            app.start_work(step)
            assert not app.is_blocked()
            app.result()

    assert state(conn, attempt).status == "processing"


def test_nobody_who_holds_an_advisory_lock_holds_up_a_deploy(
    database: Database, outsider: psycopg.Connection[Any]
) -> None:
    outsider.execute(f"select pg_advisory_lock({DEPLOY})")

    assert deploy.migrate(database.dsn, wait=0).applied == ()
    assert deploy.check(database.dsn, wait=0).findings == ()
    assert "advisory" not in deploy.script()


def test_a_deploy_names_whoever_keeps_its_tables_locked(
    database: Database, outsider: psycopg.Connection[Any], stranger: str
) -> None:
    outsider.execute(
        "select pg_get_viewdef(c.oid) from pg_class as c where c.relname = 'system_health'"
    )

    with pytest.raises(RefusedError) as refused:
        deploy.rollback(database.dsn, wait=0)

    assert f"pg_terminate_backend({outsider.info.backend_pid})" in refused.value.hint
    assert "a lock" in str(refused.value)


def test_calls_that_fail_since_somebody_took_all_locks_there_are_change_nothing(
    conn: psycopg.Connection[Any], outsider: psycopg.Connection[Any]
) -> None:
    attempt = start(conn)
    # The second time takes what the end of the first transaction set free.
    for first in (1, 1_000_001):
        with pytest.raises(errors.OutOfMemory):
            outsider.execute(f"select pg_advisory_lock(generate_series({first}, 2000000))")
        outsider.rollback()

    with pytest.raises(errors.OutOfMemory):
        fail(conn, attempt, "provider_out_of_credits")

    outsider.execute("select pg_advisory_unlock_all()")
    assert state(conn, attempt).status == "pending"
    assert fail(conn, attempt, "provider_out_of_credits").status == "failed"


def test_pgcredits_takes_no_advisory_lock_at_all(conn: psycopg.Connection[Any]) -> None:
    taken = re.compile(r"pg_(try_)?advisory_\w*lock\w*\(")

    found = conn.execute(
        "select p.proname, p.prosrc from pg_proc as p where p.pronamespace::regnamespace::text"
        " in ('credits', 'credits_internal', 'credits_monitoring')"
    ).fetchall()
    files = (ROOT / "python").rglob("*.py")

    assert len(found) > 100
    assert [row.proname for row in found if taken.search(row.prosrc)] == []
    assert [file.name for file in files if taken.search(file.read_text())] == []
