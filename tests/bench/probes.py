"""What the server counted while a run went on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

PROC = Path("/proc")
PATIENCE = 30.0


@dataclass(frozen=True)
class Counts:
    """Running totals of the server, to be subtracted from later ones."""

    wal_bytes: int
    heap_bytes: int
    index_bytes: int
    updates: dict[str, tuple[int, int]]
    cpu_seconds: float | None


def read(dsn: str, script: str) -> Counts:
    """Read them all; the session is new, so that no statistics are cached in it."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        names = list(TABLES[script])
        updates = conn.execute(
            """
            select schemaname || '.' || relname, n_tup_upd, n_tup_hot_upd
            from pg_stat_user_tables
            where schemaname || '.' || relname = any(%s)
            """,
            (names,),
        ).fetchall()
        sizes = _one(
            conn,
            """
            select sum(pg_relation_size(t))::bigint, sum(pg_indexes_size(t))::bigint
            from unnest(%s::regclass[]) as t
            """,
            (names,),
        )
        (wal,) = _one(conn, "select (pg_current_wal_insert_lsn() - '0/0')::bigint")
        postmaster = _postmaster(conn)
        return Counts(
            wal_bytes=int(wal),
            heap_bytes=int(sizes[0]),
            index_bytes=int(sizes[1]),
            updates={name: (int(all_), int(hot)) for name, all_, hot in updates},
            cpu_seconds=None if postmaster is None else _cpu_of_ended_children(postmaster),
        )


def sessions(conn: psycopg.Connection[Any], application: str) -> list[int]:
    """Process ids of the sessions of this name."""
    rows = conn.execute(
        "select pid from pg_stat_activity where application_name = %s", (application,)
    ).fetchall()
    return [int(pid) for (pid,) in rows]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until it holds.

    Raises:
        TimeoutError: It did not within the time that everything here should take.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.02)


def wait_for_end(dsn: str, application: str, pids: set[int]) -> None:
    """Wait until the sessions are gone: then their statistics and their CPU time are booked."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        wait_until(lambda: not sessions(conn, application), "the end of pgbench's sessions")
        local = _postmaster(conn) is not None
    if local:
        wait_until(
            lambda: not any((PROC / str(pid)).exists() for pid in pids),
            "the end of pgbench's backends",
        )


def _one(conn: psycopg.Connection[Any], query: str, args: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = conn.execute(query.encode(), args).fetchone()
    assert row is not None
    return row


def _stat(pid: int) -> tuple[str, list[str]]:
    command, _, fields = (PROC / str(pid) / "stat").read_text().rpartition(")")
    return command.partition("(")[2], fields.split()


def _postmaster(conn: psycopg.Connection[Any]) -> int | None:
    """The server's first process, if it is one of this Linux machine that we can see."""
    if not conn.info.host.startswith("/"):
        return None  # its process ids may be those of another machine or container
    try:
        command, fields = _stat(conn.info.backend_pid)
    except OSError:
        return None
    return int(fields[1]) if "postgres" in command else None


def _cpu_of_ended_children(postmaster: int) -> float:
    """CPU seconds of all backends that have ended, as their postmaster was told."""
    fields = _stat(postmaster)[1]
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
