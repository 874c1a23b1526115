"""A database that was restored or replicated proves itself and is checked as the one it was."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from docs.blocks import blocks
from pgcredits import deploy
from pgcredits.connections import connect
from pgcredits.errors import RefusedError
from pgcredits.server import ephemeral_server
from pgcredits.verify import verify
from support.api import call, new_user
from support.books import balance
from support.paths import MIGRATIONS_PAGE
from upgrade import released

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pgcredits.server import Server

pytestmark = pytest.mark.slow

OPTIONS = {
    "wal_level": "logical",
    "archive_mode": "on",
    "archive_command": "cp %p ../archive/%f",
    "full_page_writes": "on",
}
TABLES = """
select c.oid::regclass::text as name
from pg_class as c
where c.relnamespace::regnamespace::text = 'credits' and c.relkind = 'r'
order by 1
"""
RESTORE, DATA_ONLY, SUBSCRIBE = blocks("sh", pages=(MIGRATIONS_PAGE,))


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    """A server that archives its WAL, with users in every state in its database `app`."""
    with ephemeral_server(options=OPTIONS) as server:
        server.account.make_folder(server.folder / "archive")
        execute(server.dsn(), "create database app")
        deploy.migrate(server.dsn("app"))
        with connect(server.dsn("app")) as conn:
            released.fill(conn)
        yield server


@pytest.fixture
def target(primary: Server) -> Iterator[str]:
    """An empty database beside `app`."""
    execute(primary.dsn(), "create database target")
    yield primary.dsn("target")
    execute(primary.dsn(), "drop database target with (force)")


def execute(dsn: str, statement: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def rows_of(dsn: str) -> dict[str, list[Any]]:
    """The rows of all tables, in some order that does not depend on where they lie."""
    return {
        name: execute(dsn, f"select to_jsonb(t) from {name} as t order by to_jsonb(t)::text")
        for (name,) in execute(dsn, TABLES)
    }


def require_whole(dsn: str, *, smoke: bool = True) -> None:
    assert verify(dsn).total == 0
    report = deploy.check(dsn, smoke=smoke)
    assert (report.findings, report.kept_grants) == ((), ())


def run(server: Server, block: Any, source: str, target: str, folder: Path) -> None:
    """Run a block of the page with the server's own programs."""
    path = f"{server.binaries.bindir}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        cwd=folder,
        env={**os.environ, **server.binaries.env, "PATH": path, "SOURCE": source, "TARGET": target},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def as_account(server: Server, program: str, *arguments: object) -> None:
    subprocess.run(
        [server.binaries.program(program), *map(str, arguments)],
        env=server.binaries.environment(),
        cwd="/",
        check=True,
        stdout=subprocess.DEVNULL,
        **server.account.switch(),
    )


@contextmanager
def base_backup(
    primary: Server, name: str, signal: str
) -> Iterator[tuple[str, Callable[..., None]]]:
    """A copy of the server: its connection string without a database, and what starts it."""
    folder = primary.folder / name
    primary.account.make_folder(folder)
    data, socket = folder / "data", folder / "socket"
    primary.account.make_folder(socket)
    backup = ("-D", data, "-d", primary.dsn(), "--checkpoint=fast", "--no-sync")
    as_account(primary, "pg_basebackup", *backup)
    (data / signal).touch()
    settings = {
        "restore_command": f"cp {primary.folder}/archive/%f %p",
        "unix_socket_directories": socket,
        "listen_addresses": "",
        "archive_mode": "off",
        "wal_level": "logical",
        "fsync": "off",
    }

    def start(**more: str) -> None:
        options = " ".join(f"-c '{k}={v}'" for k, v in {**settings, **more}.items())
        as_account(
            primary, "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-o", options, "start"
        )

    try:
        yield f"host={socket} port=5432 user=postgres dbname=", start
    finally:
        if (data / "postmaster.pid").exists():
            as_account(primary, "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def wait_until(dsn: str, query: str) -> None:
    deadline = time.monotonic() + 30
    while execute(dsn, query) != [(True,)]:
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


def archive_all(primary: Server) -> None:
    ((name,),) = execute(primary.dsn(), "select pg_walfile_name(pg_switch_wal())")
    wait_until(
        primary.dsn(),
        f"select s.last_archived_wal >= '{name}' from pg_stat_archiver as s",
    )


def test_a_dump_is_restored_whole(primary: Server, target: str, tmp_path: Path) -> None:
    run(primary, RESTORE, primary.dsn("app"), target, tmp_path)

    require_whole(target)
    assert rows_of(target) == rows_of(primary.dsn("app"))


def test_data_alone_is_restored_into_the_definitions_of_its_source(
    primary: Server, target: str, tmp_path: Path
) -> None:
    run(primary, DATA_ONLY, primary.dsn("app"), target, tmp_path)

    require_whole(target)
    assert rows_of(target) == rows_of(primary.dsn("app"))


def test_a_base_backup_and_wal_bring_back_a_moment(primary: Server, tmp_path: Path) -> None:
    app, user = primary.dsn("app"), new_user()
    with base_backup(primary, "past", "recovery.signal") as (past, start):
        with connect(app) as conn:
            call(conn, "grant_user_credits", p_user_id=user, p_credits=100)
            conn.execute("select pg_create_restore_point('noon')")
            call(conn, "deduct_user_credits", p_user_id=user, p_credits=40)
        archive_all(primary)

        start(recovery_target_name="noon", recovery_target_action="promote")

        wait_until(f"{past}postgres", "select not pg_is_in_recovery()")
        require_whole(f"{past}app")
        with connect(f"{past}app") as conn:
            assert balance(conn, user) == 100
            call(conn, "deduct_user_credits", p_user_id=user, p_credits=100)
            assert balance(conn, user) == 0
        # It is a server of its own now, and may subscribe to the one that it was.
        execute(f"{past}postgres", "create database subscriber")
        follower = f"{past}subscriber"
        run(primary, SUBSCRIBE, app, follower, tmp_path)
        try:
            with connect(app) as conn:
                call(conn, "deduct_user_credits", p_user_id=user, p_credits=10)
                released.start(conn, user, new_user(), 10)
            ready = "select bool_and(r.srsubstate = 'r') from pg_subscription_rel as r"
            wait_until(follower, ready)
            wait_until(
                follower,
                f"select u.balance = 40 from credits.user_credits as u where u.user_id = '{user}'",
            )
            require_whole(follower, smoke=False)
            assert rows_of(follower) == rows_of(app)
        finally:
            execute(follower, "drop subscription pgcredits")
            execute(app, "drop publication pgcredits")


def test_a_standby_is_checked_and_named_where_something_has_to_write(primary: Server) -> None:
    with base_backup(primary, "standby", "standby.signal") as (standby, start):
        start()

        require_whole(f"{standby}app", smoke=False)
        for write in (
            lambda dsn: deploy.check(dsn, smoke=True),
            deploy.migrate,
            lambda dsn: deploy.rollback(dsn, destroy_data=True),
        ):
            with pytest.raises(RefusedError, match="this server is a standby"):
                write(f"{standby}app")
