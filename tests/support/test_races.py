"""Races are real, and interleavings are certain."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from support.races import Session, at_once, errors, values

if TYPE_CHECKING:
    from support.databases import Database

PARTIES = 8


def test_at_once_runs_all_at_the_same_time(database: Database) -> None:
    # Nobody gets past this barrier unless all are on their way at the same moment.
    everyone = threading.Barrier(PARTIES)

    def work(conn: psycopg.Connection[Any], i: int) -> tuple[int, int]:
        everyone.wait(30)
        return i, conn.execute("select pg_catalog.pg_backend_pid() as pid").fetchone()[0]  # type: ignore[index]

    got = values(at_once(database, PARTIES, work))

    assert [i for i, _ in got] == list(range(PARTIES))
    assert len({pid for _, pid in got}) == PARTIES


def test_at_once_keeps_errors_beside_values(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("create table public.seat (seat integer primary key)")

    outcomes = at_once(
        database, PARTIES, lambda conn, _: conn.execute("insert into public.seat values (1)")
    )

    assert len(values(outcomes)) == 1
    refusals = errors(outcomes)
    assert len(refusals) == PARTIES - 1
    assert all(isinstance(error, psycopg.errors.UniqueViolation) for error in refusals)


def test_a_stuck_race_fails(database: Database) -> None:
    def work(conn: psycopg.Connection[Any], i: int) -> None:
        if i == 1:
            conn.execute("select pg_catalog.pg_sleep(3600)")

    with pytest.raises(AssertionError, match=r"sessions \[1\] of 3 still run"):
        at_once(database, 3, work, deadline=1.0)


def test_a_session_knows_whether_it_is_blocked(database: Database) -> None:
    with Session(database) as one, Session(database) as other:
        one.run("create table public.row (v integer)")
        one.run("insert into public.row values (1)")
        one.run("begin")
        one.run("update public.row set v = 2")

        other.start("update public.row set v = v + 1 returning v")
        assert other.is_blocked(by=one)
        one.run("commit")
        assert other.result() == [(3,)]

        other.start("select v from public.row")
        assert not other.is_blocked()
        assert other.result() == [(3,)]


def test_a_session_raises_what_its_statement_raised(database: Database) -> None:
    with Session(database) as session:
        session.start("select 1 / 0")
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.result()
