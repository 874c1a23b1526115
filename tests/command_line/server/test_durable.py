"""`pgcredits up`: made, started, attached, stopped; its data stay."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from command_line.server.children import announced, environment, modes, owner, shared_folder, until
from pgcredits.errors import ServerError
from pgcredits.server import durable, durable_server, reaper

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder yet to be made; a server that runs in it at the end is stopped."""
    with shared_folder() as base:
        yield base / "server"
        if (base / "server").is_dir():
            reaper.end(base / "server")


def up(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from pgcredits.cli import main; main()",
            "up",
            *map(str, arguments),
        ],
        capture_output=True,
        check=False,
        text=True,
        env=environment(),
    )


def test_it_is_made_attached_to_stopped_and_started_again(folder: Path) -> None:
    def facts(*arguments: object) -> dict[str, Any]:
        done = up(folder, "--format", "json", "--no-migrate", *arguments)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    assert up(folder, "--status").returncode == 6
    assert not folder.exists()

    made = facts()
    assert made["state"] == "started"
    assert made["pid"] == durable.running(folder)
    with psycopg.connect(made["dsn"]) as conn:
        conn.execute("create table kept as select 1 as one")
        assert conn.execute("show fsync").fetchone() == ("on",)
        assert conn.execute("show synchronous_commit").fetchone() == ("on",)
    looked = subprocess.run(
        [*made["psql"].split(" ", 1)[:1], made["dsn"], "-Atc", "select one from kept"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert looked.stdout == "1\n"

    assert facts() == made | {"state": "running"}
    assert facts("--status")["pid"] == made["pid"]
    assert facts("--stop")["state"] == "stopped"
    assert reaper.process(made["pid"]) is None
    assert facts("--stop")["state"] == "not running"

    done = up(folder)  # and this time install pgcredits
    assert done.returncode == 0, done.stderr
    assert made["dsn"] in done.stdout
    with psycopg.connect(made["dsn"]) as conn:
        assert conn.execute("select one from kept").fetchall() == [(1,)]
        assert conn.execute("select from credits.verify_ledger()").rowcount == 0
    assert (folder / "data").stat().st_mode & 0o777 == 0o700
    assert (folder / "socket").stat().st_mode & 0o777 == 0o700


def test_two_at_once_are_one_server(folder: Path) -> None:
    with owner("durable", str(folder)) as one, owner("durable", str(folder)) as two:
        first, second = announced(one), announced(two)
    assert first["pid"] == second["pid"] == durable.running(folder)
    assert {first["notes"], second["notes"]} == {1, 2}


def test_after_a_kill_it_starts_though_nobody_has_reaped_the_dead(folder: Path) -> None:
    with owner("durable", str(folder)) as parent:
        killed = announced(parent)
        os.kill(killed["pid"], signal.SIGKILL)
        until(lambda: reaper.process(killed["pid"]) is None)
        assert Path(f"/proc/{killed['pid']}").exists(), "a zombie: its parent lives, and sleeps"

        server = durable_server(folder)

        assert server.pid != killed["pid"]
        with psycopg.connect(server.dsn()) as conn:
            assert conn.execute("select from note").rowcount == 1
        server.stop()


def test_it_survives_the_process_that_started_it(folder: Path) -> None:
    with owner("durable", str(folder)) as parent:
        facts = announced(parent)
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
    psycopg.connect(facts["dsn"]).close()
    assert durable.stop(folder)
    assert not durable.stop(folder)


def test_what_a_killed_making_left_is_made_anew_in_a_folder_whose_mode_stays(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("half\n")
    before = modes(folder)

    server = durable_server(folder)

    assert modes(folder) == before
    assert not (folder / "data.new").exists()
    server.stop()


def test_the_data_of_another_major_are_refused(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "PG_VERSION").write_text("9\n")
    if os.geteuid() == 0:
        os.chown(folder / "data", 65534, 65534)

    with pytest.raises(ServerError, match="of PostgreSQL 9") as caught:
        durable_server(folder)

    assert "PGCREDITS_PG_BINDIR" in caught.value.hint
    assert [path.name for path in folder.rglob("*")] == ["data", "PG_VERSION"]


def test_a_folder_with_other_things_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    (folder / "thesis.txt").write_text("mine")

    with pytest.raises(ServerError, match=r"thesis\.txt"):
        durable_server(folder)
    assert not durable.stop(folder)

    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_file_and_too_long_a_path_are_refused_in_a_sentence(folder: Path) -> None:
    folder.write_text("")
    done = up(folder)
    assert done.returncode == 6
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr

    done = up(folder.parent / ("x" * 100))
    assert done.returncode == 6
    assert "too long" in done.stderr
    assert [path.name for path in folder.parent.iterdir()] == ["server"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root's is elsewhere")
def test_the_usual_folder_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data/home")
    assert durable.default_folder() == Path("/data/home/pgcredits")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")
    assert durable.default_folder() == Path("/home/me/.local/share/pgcredits")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that others cannot enter")
def test_a_folder_that_the_servers_account_cannot_enter_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with pytest.raises(ServerError, match="cannot enter"):
        durable_server(folder / "deeper")
    assert not list(folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700
