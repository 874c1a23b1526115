"""Each test has a database of its own, whose ledger must prove itself afterwards."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user
from support.state import everything

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database, Template
    from support.servers import PostgresServer


@pytest.mark.parametrize("turn", ["one", "another"])
def test_a_test_does_not_see_what_another_committed(
    conn: psycopg.Connection[Any], turn: str
) -> None:
    assert everything(conn)["credit_transactions"] == []

    call(conn, "grant_user_credits", new_user(), 5)

    assert len(everything(conn)["credit_transactions"]) == 1


def test_a_database_is_gone_when_its_test_is_over(
    template: Template, postgres_server: PostgresServer
) -> None:
    def exists(database: Database) -> bool:
        with postgres_server.connect() as admin:
            query = "select from pg_catalog.pg_database where datname = %s"
            return bool(admin.execute(query, (database.name,)).fetchall())

    with template.clone() as database:
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
