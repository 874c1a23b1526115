"""Whoever may only connect can fill the queue of NOTIFY: everything goes on, and alerts are told.

A full queue raises at COMMIT. Before PostgreSQL 17 it holds 8 GB, which a test does not fill.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import errors, sql

from command_line.alert_relay.events import FOLLOW, OFTEN, hears
from command_line.maintain_loop.running_command import as_role, program, until
from pgcredits import deploy
from support import databases, servers
from support.api import rows, value
from support.attempts import break_refunds, fail, open_alerts, start, state
from support.books import NOON
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database
    from support.servers import PostgresServer

OLDEST_WITH_A_SIZE = 17
#: In pages of 8 kB; fewer cannot be had. One message of 7,900 bytes takes a page.
PAGES = 64
FILLING = "select pg_notify('anything', repeat('x', 7900))"
USAGE = "select pg_notification_queue_usage()"


@pytest.fixture(scope="module")
def server(
    pytestconfig: pytest.Config, postgres_server: PostgresServer
) -> Iterator[PostgresServer]:
    """A server of its own, whose queue is small."""
    choice = servers.choose(
        pytestconfig.getoption("--postgres"), pytestconfig.getoption("--postgres-dsn")
    )
    major = postgres_server.administration.info.server_version // 10000
    if choice.kind == "dsn" or major < OLDEST_WITH_A_SIZE:
        pytest.skip("the size of this server's queue cannot be set")
    with choice.run({"max_notify_queue_pages": str(PAGES)}) as server:
        yield server


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    with databases.blank(server) as database:
        deploy.migrate(database.dsn)
        yield database
        with database.only_connection() as conn:
            databases.assert_ledger_proves_itself(conn)


@pytest.fixture
def outsider(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role without any right that listens, and stays in a transaction."""
    role = f"pgcredits_test_{secrets.token_hex(6)}"
    with database.connect() as admin:
        admin.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
    conn = database.connect(user=role, autocommit=False)
    conn.execute("listen anything")
    conn.commit()
    conn.execute("select 1")
    yield conn
    conn.close()
    with database.connect() as admin:
        admin.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def usage(conn: psycopg.Connection[Any]) -> float:
    (row,) = conn.execute(USAGE).fetchall()
    return float(row[0])


def fill(conn: psycopg.Connection[Any]) -> None:
    """Fill the queue until it takes no more."""
    try:
        for _ in range(2 * PAGES):
            conn.execute(FILLING)
    except errors.ProgramLimitExceeded:
        return
    pytest.fail("the queue is not full yet")


def test_everything_goes_on_and_the_alerts_are_told(
    conn: psycopg.Connection[Any], database: Database, outsider: psycopg.Connection[Any]
) -> None:
    set_clock(conn, NOON)
    failing, stuck = start(conn), start(conn)
    # Nobody runs maintenance here.
    conn.execute("update credits.alert_rules set enabled = false where type = 'maintenance_behind'")
    break_refunds(conn)
    fill(database.connect(user=outsider.info.user))

    assert fail(conn, failing, "provider_out_of_credits").status == "failed"
    advance(conn, timedelta(days=1))
    assert [row.error for row in rows(conn, "sweep_stuck_generations")] == [None]
    assert {row.type: row.opened for row in rows(conn, "check_alerts")} == {"refund_overdue": 1}
    assert {row.task for row in rows(conn, "run_maintenance")} >= {"check_alerts", "check_ledger"}
    assert [state(conn, one).status for one in (failing, stuck)] == ["failed", "timed_out"]
    assert open_alerts(conn, failing.user) == open_alerts(conn, stuck.user) == ["refund_failed"]

    with program(as_role(database, "credits_analyst"), *FOLLOW, *OFTEN) as follower:
        follower.until(lambda: len(follower.lines) >= 3, "told of what is open")
        told = [(line["event"], line["type"]) for line in follower.told()]
        assert sorted(told) == [
            ("opened", "refund_failed"),
            ("opened", "refund_failed"),
            ("opened", "refund_overdue"),
        ]

        value(conn, "raise_alert", "disk_full", "m")
        hears(follower, *told, ("opened", "disk_full"))
    assert usage(conn) == 1


def test_a_follower_does_not_keep_the_queue_full_for_others(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    with program(as_role(database, "credits_analyst"), *FOLLOW, *OFTEN) as follower:
        value(conn, "raise_alert", "disk_full", "m")
        hears(follower, ("opened", "disk_full"))
        with pytest.raises(errors.ProgramLimitExceeded):
            conn.execute(
                "select pg_notify('anything', n || repeat('x', 7900))"
                f" from generate_series(1, {2 * PAGES}) as n"
            )

        until(lambda: usage(conn) < 0.5, "the queue is empty again")
        value(conn, "raise_alert", "disk_slow", "m")
        hears(follower, ("opened", "disk_full"), ("opened", "disk_slow"))


def test_nothing_is_sent_from_half_full_on(
    conn: psycopg.Connection[Any], database: Database, outsider: psycopg.Connection[Any]
) -> None:
    listener = database.connect()
    listener.execute("listen credits_alerts")

    def heard() -> int:
        listener.execute("select 1")
        return len(list(listener.notifies(timeout=0)))

    while usage(conn) < 0.5:
        value(conn, "raise_alert", secrets.token_hex(6), "m")
        assert heard() == 1
        conn.execute(FILLING)

    value(conn, "raise_alert", "disk_full", "m")
    assert heard() == 0

    # Once the queue is emptied, NOTIFY is sent again.
    outsider.commit()
    assert usage(conn) < 0.5
    value(conn, "raise_alert", "disk_full", "m", p_level="critical")
    assert heard() == 1
