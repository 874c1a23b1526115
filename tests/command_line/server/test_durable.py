"""`pgcredits up`: made, started, attached, stopped; its data stay, and it has one owner."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from command_line.server.children import announced, modes, owner, shared_folder, until
from pgcredits.errors import RefusedError, ServerError
from pgcredits.server import belonging, durable, durable_server, reaper
from pgcredits.server.account import Account
from support.program import pgcredits

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder yet to be made; a server that runs in it at the end is stopped."""
    with shared_folder() as base:
        yield base / "server"
        if (base / "server").is_dir():
            reaper.end(base / "server")


def up(*arguments: object, project: Path | None = None) -> subprocess.CompletedProcess[str]:
    return pgcredits("up", *map(str, arguments), folder=project)


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
        assert conn.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
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
    assert belonging.default_folder().parent == Path("/data/home/pgcredits")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")
    assert belonging.default_folder().parent == Path("/home/me/.local/share/pgcredits")


def test_each_project_has_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, blog = tmp_path / "a" / "shop", tmp_path / "b" / "shop"
    (shop / ".git").mkdir(parents=True)
    (shop / "web" / "src").mkdir(parents=True)
    (blog / "src").mkdir(parents=True)

    def folder_from(place: Path) -> Path:
        monkeypatch.chdir(place)
        return belonging.default_folder()

    assert folder_from(shop).name.startswith("shop-")
    assert folder_from(shop / "web" / "src") == folder_from(shop)
    assert len({folder_from(place) for place in (shop, blog, blog / "src")}) == 3


def test_over_tcp_nobody_is_let_in_without_the_password(folder: Path) -> None:
    server = durable_server(folder)
    # Whatever stands in the file that PostgreSQL reads by default.
    (server.data_dir / "pg_hba.conf").write_text("host all all all trust\n")
    server.restart()

    address = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
    for password in ("", "postgres", None):
        with pytest.raises(psycopg.OperationalError, match=r"password"):
            psycopg.connect(**address, password=password, passfile="/nowhere")  # type: ignore[arg-type]
    psycopg.connect(server.uri()).close()

    file = server.data_dir / "pgcredits.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == server.account.uid
    assert str(server.password) in file.read_text()


def test_a_server_of_another_project_is_refused_until_it_is_taken_over(
    folder: Path, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    assert up(folder, "--no-migrate", project=mine).returncode == 0
    server = json.loads((folder / "data" / "pgcredits.json").read_text())

    refused = up(folder, project=other)
    assert refused.returncode == 4
    assert f"belongs to {mine}" in refused.stderr
    assert up(folder, "--status", project=other).returncode == 4
    dsn = f"postgresql://postgres:{server['password']}@127.0.0.1:{server['port']}/pgcredits"
    with psycopg.connect(dsn) as conn:
        assert conn.execute("select from pg_namespace where nspname = 'credits'").rowcount == 0

    assert up(folder, "--no-migrate", "--take-over", project=other).returncode == 0
    assert up(folder, "--no-migrate", project=other).returncode == 0
    assert up(folder, "--no-migrate", project=mine).returncode == 4

    # As one of pgcredits 0.1.0: nothing says whose it is.
    assert up(folder, "--stop", project=mine).returncode == 0
    (folder / "data" / "pgcredits.json").unlink()
    before = modes(folder / "data")
    refused = up(folder, project=mine)
    assert refused.returncode == 4
    assert "--take-over" in refused.stderr
    assert durable.running(folder) is None
    assert modes(folder / "data") == before
    assert up(folder, "--no-migrate", "--take-over", project=mine).returncode == 0


def test_a_running_server_that_listens_elsewhere_is_not_restarted(folder: Path) -> None:
    """One that pgcredits 0.1.0 has started listens on its socket alone."""
    made = durable_server(folder)
    made.options = {}
    made.restart()
    (made.data_dir / "pgcredits.json").unlink()

    with pytest.raises(ServerError, match="does not listen on port") as caught:
        durable_server(folder, take_over=True)

    assert caught.value.hint.endswith(made.stop_command())
    psycopg.connect(made.dsn()).close()
    made.stop()
    psycopg.connect(durable_server(folder, take_over=True).uri()).close()


def test_its_port_is_the_one_that_is_named_and_stays(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match="did not start") as caught:
            durable_server(folder, port=port)
        assert "--port" in caught.value.hint

    server = durable_server(folder)
    assert server.port == port
    with pytest.raises(ServerError, match="does not listen on port 1025"):
        durable_server(folder, port=1025)
    server.stop()
    assert durable_server(folder).port == port


def test_a_project_s_path_may_be_no_utf_8(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / os.fsdecode(b"pro\xffject")
    project.mkdir()

    belonging.new(project, folder, 25_000).save(tmp_path, Account.for_new_server())

    found = belonging.read(tmp_path)
    belonging.require_ours(found, project, folder)
    with pytest.raises(RefusedError):
        belonging.require_ours(found, tmp_path, folder)


def test_a_file_that_says_nonsense_is_named(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "pgcredits.json").write_text('{"project": "/", "port": "many"}')

    with pytest.raises(ServerError, match=r"pgcredits\.json cannot be understood"):
        belonging.read(folder / "data")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a folder that others cannot enter")
def test_a_folder_that_the_servers_account_cannot_enter_is_refused(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    with pytest.raises(ServerError, match="cannot enter"):
        durable_server(folder / "deeper")
    assert not list(folder.iterdir())
    assert folder.stat().st_mode & 0o777 == 0o700
