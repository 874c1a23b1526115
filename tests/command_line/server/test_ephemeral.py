"""A server for one process: gone when the process goes, whatever ends either of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from command_line.server.children import (
    announced,
    environment,
    gone,
    owner,
    shared_folder,
    until,
    watchdog_of,
)
from pgcredits.errors import ServerError
from pgcredits.server import Server, durable, ephemeral, ephemeral_server, reaper
from pgcredits.server.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder in which only this test's servers are."""
    with shared_folder() as folder:
        yield folder


def setting(server: Server, name: str) -> str:
    with psycopg.connect(server.dsn()) as conn:
        row = conn.execute("select current_setting(%s)", [name]).fetchone()
    assert row
    return str(row[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private_and_fast_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the caller")
    monkeypatch.setenv("PGOPTIONS", "")
    with ephemeral_server(options={"max_connections": "23"}) as server:
        facts = {"pid": server.pid, "folder": str(server.folder)}
        watchdog = watchdog_of(server.folder)
        assert setting(server, "listen_addresses") == ""
        assert setting(server, "max_connections") == "23"
        assert setting(server, "fsync") == "off"
        assert setting(server, "TimeZone") == "UTC"
        assert setting(server, "server_encoding") == "UTF8"
        assert setting(server, "lc_messages") == "C"
        assert mode(server.socket_dir) == mode(server.data_dir) == 0o700
        # Root's lets the server's account through to its own folders, and nobody look.
        assert mode(server.folder) == (0o711 if os.geteuid() == 0 else 0o700)
        assert server.data_dir.stat().st_uid == server.account.uid != 0
        assert "SECRET" not in Path(f"/proc/{server.pid}/environ").read_text()
    assert gone(facts)
    assert reaper.process(watchdog) is None


def test_an_error_in_the_block_takes_the_server_along() -> None:
    with pytest.raises(ZeroDivisionError), ephemeral_server() as server:  # noqa: PT012
        facts = {"pid": server.pid, "folder": str(server.folder)}
        raise ZeroDivisionError
    assert gone(facts)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_goes_with_its_process_even_by(number: signal.Signals, base: Path) -> None:
    with owner("ephemeral", str(base)) as child:
        facts = announced(child)
        watchdog = watchdog_of(facts["folder"])
        os.killpg(child.pid, number)  # as Ctrl-C does: to the whole group
        child.wait(30)
        until(lambda: gone(facts))
        until(lambda: reaper.process(watchdog) is None)


@pytest.mark.parametrize("progress", ["data/base", "data/postmaster.pid"])
def test_a_process_killed_while_its_server_is_made_leaves_nothing(
    progress: str, base: Path
) -> None:
    with owner("ephemeral", str(base)) as child:
        until(lambda: list(base.glob(f"pgcredits-run-*/{progress}")))
        child.kill()
        until(lambda: not list(base.iterdir()))
        until(lambda: not [found for found in reaper.processes() if str(base) in found.command])


def test_the_watchdog_ignores_polite_signals_and_holds_no_file_of_its_owner() -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        with ephemeral_server() as server:
            watchdog = watchdog_of(server.folder)
            files = [file.readlink() for file in Path(f"/proc/{watchdog}/fd").iterdir()]
            assert len(files) == 3
            assert Path(f"/proc/self/fd/{writing}").readlink() not in files
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(watchdog, number)
            assert setting(server, "fsync") == "off"
            assert reaper.process(watchdog)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_killed_watchdog_does_not_keep_the_server() -> None:
    with ephemeral_server() as server:
        facts = {"pid": server.pid, "folder": str(server.folder)}
        os.kill(watchdog_of(server.folder), signal.SIGKILL)
    assert gone(facts)


def test_what_a_killed_run_and_its_killed_watchdog_left_is_removed_and_nothing_else(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with owner("ephemeral", str(base)) as alive, owner("ephemeral", str(base)) as dead:
        in_use, leftover = announced(alive), announced(dead)
        strange = base / "pgcredits-run-of-somebody"  # named like ours, and not marked
        strange.mkdir()
        os.kill(watchdog_of(leftover["folder"]), signal.SIGKILL)
        dead.kill()
        dead.wait()
        assert reaper.process(leftover["pid"]), "the server outlives both"

        monkeypatch.setattr(ephemeral, "_MEMORY", base)
        new, lock = ephemeral._make_folder(Account.for_new_server(), in_memory=True)

        os.close(lock)
        assert gone(leftover)
        assert reaper.process(in_use["pid"])
        assert sorted(base.iterdir()) == sorted([strange, new, Path(in_use["folder"])])


def test_a_forked_child_does_not_take_the_server_from_its_parent() -> None:
    program = """
import os, psycopg
from pgcredits.server import ephemeral_server
with ephemeral_server() as server:
    child = os.fork()
    if child == 0:
        raise SystemExit(7)  # leaves the block
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    psycopg.connect(server.dsn()).close()
    """
    subprocess.run([sys.executable, "-c", program], check=True, env=environment())


def test_a_forked_child_that_outlives_its_parent_does_not_hold_the_server() -> None:
    program = """
import json, os, signal
from pgcredits.server import ephemeral_server
with ephemeral_server() as server:
    child = os.fork()
    if child == 0:
        signal.pause()
    print(json.dumps({"pid": server.pid, "folder": str(server.folder), "child": child}))
    os.kill(os.getpid(), signal.SIGKILL)
    """
    with subprocess.Popen(
        [sys.executable, "-uc", program], stdout=subprocess.PIPE, env=environment()
    ) as parent:
        assert parent.stdout
        facts = json.loads(parent.stdout.readline())
        try:
            assert parent.wait(30) == -signal.SIGKILL
            until(lambda: gone(facts))
            assert reaper.process(facts["child"])
        finally:
            os.kill(facts["child"], signal.SIGKILL)


def test_killed_it_starts_again_with_all_that_was_committed() -> None:
    with ephemeral_server(fsync=True) as server:
        assert setting(server, "fsync") == setting(server, "synchronous_commit") == "on"
        assert not server.folder.is_relative_to(ephemeral._MEMORY)
        with psycopg.connect(server.dsn()) as busy:
            busy.execute("create table kept as select 1 as one")
            busy.commit()
            children = [p.pid for p in reaper.processes() if p.parent == server.pid]
            assert busy.info.backend_pid in children

            server.kill()

            assert server.pid is None
            assert not [pid for pid in children if reaper.process(pid)]
        # By now the pid may be somebody else's, and even that of another server.
        for name in ("sleep", "postgres"):
            with subprocess.Popen(
                [name, "600"], executable="/bin/sleep", cwd="/", **server.account.switch()
            ) as other:
                try:
                    for lock in ("data/postmaster.pid", "socket/.s.PGSQL.5432.lock"):
                        file = server.folder / lock
                        rest = file.read_text().split("\n", 1)[1]
                        file.write_text(f"{other.pid}\n{rest}")
                    server.start()
                finally:
                    other.kill()
            if name == "sleep":
                server.kill()

        with psycopg.connect(server.dsn()) as conn:
            assert conn.execute("select one from kept").fetchall() == [(1,)]
        server.restart()
        with psycopg.connect(server.dsn()) as conn:
            assert conn.execute("select one from kept").fetchall() == [(1,)]


def test_a_server_that_cannot_start_says_why_and_leaves_nothing(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ephemeral, "_MEMORY", base)
    with (
        pytest.raises(ServerError, match="max_connections"),
        ephemeral_server(options={"max_connections": "many"}),
    ):
        pass
    assert not list(base.iterdir())


def test_kept_it_runs_until_stopped() -> None:
    with ephemeral_server(keep=True) as server:
        facts = {"pid": server.pid, "folder": str(server.folder)}
        with pytest.raises(ServerError, match="another process"):
            durable.stop(server.folder)
        watchdog = watchdog_of(server.folder)
    assert reaper.process(watchdog) is None
    assert setting(server, "fsync") == "off"
    ephemeral._sweep(server.folder.parent)
    assert server.pid == facts["pid"], "a server in use is not swept away"

    assert str(server.folder) in server.stop_command()
    assert durable.stop(server.folder)

    assert gone(facts)
    server._reap()


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps, as on macOS")
def test_without_proc_the_process_table_comes_from_ps() -> None:
    us = reaper.process(os.getpid())
    (listed,) = reaper._ps("-p", str(os.getpid()))
    assert us
    assert (listed.pid, listed.parent, listed.uid) == (us.pid, us.parent, us.uid)
    assert listed.command.split() == us.command.split()
    assert os.getpid() in [found.pid for found in reaper._ps("-A")]


def test_a_folder_too_deep_for_a_socket_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    monkeypatch.setenv("TMPDIR", str(deep))

    folder, lock = ephemeral._make_folder(Account.for_new_server(), in_memory=False)

    os.close(lock)
    reaper.end(folder)
    assert folder.parent == Path("/tmp").resolve()  # noqa: S108
    assert not list(deep.iterdir())
