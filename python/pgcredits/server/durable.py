"""A server for development: its data stays, and it goes on running after the command."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pgcredits.errors import ServerError
from pgcredits.server import reaper
from pgcredits.server.account import Account
from pgcredits.server.binaries import VARIABLE, Binaries, find_binaries, runnable_by
from pgcredits.server.ephemeral import is_ephemeral
from pgcredits.server.instance import Server, sentences, socket_dir_in

if TYPE_CHECKING:
    from collections.abc import Iterator

# Files that a run which was killed while it made the server may have left.
_UNFINISHED = {"data.new", "socket", "server.log"}


def default_folder() -> Path:
    """Where a server is kept unless a folder is named.

    Root's is outside of its home, where the account that the server runs as could not enter.
    """
    if os.geteuid() == 0:
        return Path("/usr/local/var" if sys.platform == "darwin" else "/var/lib") / "pgcredits"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "pgcredits"
    data_home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data_home) / "pgcredits"


def durable_server(folder: Path | None = None, *, bindir: Path | None = None) -> Server:
    """Make, start, or attach to the server in a folder.

    It keeps every promise of a server (fsync is on), and outlives this process.

    Args:
        folder: Where its data is; by default `default_folder()`.
        bindir: Where its programs are, instead of what `find_binaries` finds.

    Raises:
        ServerError: It cannot be made or started; nothing that was there before is changed.
    """
    folder = (folder or default_folder()).resolve()
    socket_dir_in(folder)  # refuses too long a path before anything is made
    with sentences():
        found = find_binaries(bindir)
        data_dir = folder / "data"
        exists = (data_dir / "PG_VERSION").exists()
        account = Account.owning(data_dir) if exists else Account.for_new_server()
        _require_way(account, folder)
        with suppress(FileExistsError):
            folder.mkdir(parents=True, mode=0o700)
            if os.geteuid() == 0:
                folder.chmod(0o711)  # ours; the server's account must get through to its own
        with _locked(folder) as lock:
            server = Server(runnable_by(found, account), account, folder)
            if not (data_dir / "PG_VERSION").exists():
                _make(server)
                os.fsync(lock)  # a finished server must not look unfinished after a power cut
            elif server.pid is None:
                _require_same_major(server, found)
            if not server.socket_dir.exists():
                account.make_folder(server.socket_dir)
            server.start()
    return server


def running(folder: Path | None = None) -> int | None:
    """The process id of the server in a folder, if it runs."""
    with sentences():
        return reaper.postmaster((folder or default_folder()).resolve() / "data")


def stop(folder: Path | None = None, patience: float = 60.0) -> bool:
    """Stop the server in a folder; False if there was none running.

    Raises:
        ServerError: We may not stop it, or it does not stop.
    """
    folder = (folder or default_folder()).resolve()
    if running(folder) is None:
        return False
    with sentences(), _locked(folder):
        if not reaper.stop(folder / "data", signal.SIGINT, patience):
            raise ServerError(
                f"the server in {folder} did not stop within {patience:.0f} seconds",
                f"See {folder / 'server.log'}.",
            )
        if is_ephemeral(folder):  # an ephemeral server that was kept running
            reaper.end(folder)
    return True


def _require_way(account: Account, folder: Path) -> None:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing.is_dir() and not account.can_enter(existing):
        raise ServerError(
            f"the user {account.name}, as whom PostgreSQL must run, cannot enter {existing}",
            f"Name a folder that everybody can reach, as {default_folder()}.",
        )


def _make(server: Server) -> None:
    """Make the server's data directory, as a whole or not at all."""
    strangers = {entry.name for entry in server.folder.iterdir()} - _UNFINISHED
    if strangers:
        raise ServerError(
            f"{server.folder} holds other things, as {sorted(strangers)[0]}, and no server",
            "Name an empty or a new folder.",
        )
    unfinished = server.folder / "data.new"
    if unfinished.exists():
        reaper.end(unfinished, data_dir=unfinished)
    server.account.make_folder(unfinished)
    server.initialise(unfinished, sync=True)
    unfinished.rename(server.data_dir)


def _require_same_major(server: Server, found: Binaries) -> None:
    major = (server.data_dir / "PG_VERSION").read_text().strip()
    if major != str(found.major):
        raise ServerError(
            f"the data in {server.folder} are of PostgreSQL {major}, "
            f"and PostgreSQL {found.version} cannot read them",
            f"Point {VARIABLE} at the programs of PostgreSQL {major}, or name another folder.",
        )


@contextmanager
def _locked(folder: Path, patience: float = 90.0) -> Iterator[int]:
    """Hold the folder's lock, so that only one process at a time works on it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline or is_ephemeral(folder):
                    raise ServerError(
                        f"another process is at work on {folder}", "Try again when it is done."
                    ) from None
            time.sleep(0.05)
        yield lock
    finally:
        os.close(lock)
