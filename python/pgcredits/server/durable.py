"""A server for development: its data stays, and it goes on running after the command."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from pgcredits.connections import connect
from pgcredits.errors import ConnectionFailedError, ServerError
from pgcredits.server import belonging, reaper
from pgcredits.server.account import Account
from pgcredits.server.binaries import VARIABLE, Binaries, find_binaries, runnable_by
from pgcredits.server.ephemeral import is_ephemeral
from pgcredits.server.instance import SUPERUSER, Server, sentences, socket_dir_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgcredits.server.belonging import Belonging

# Files that a run which was killed while it made the server may have left.
_UNFINISHED = {"data.new", "socket", "server.log"}


def durable_server(
    folder: Path | None = None,
    *,
    bindir: Path | None = None,
    port: int | None = None,
    take_over: bool = False,
) -> Server:
    """Make, start, or attach to the server in a folder.

    It keeps every promise of a server (fsync is on), and outlives this process. It belongs to the
    project in which it is made.

    Args:
        folder: Where its data is; by default `belonging.default_folder()`.
        bindir: Where its programs are, instead of what `find_binaries` finds.
        port: Its port on 127.0.0.1; by default the one that it had, at first one that is free.
        take_over: Have the server belong to this project from now on, whosever it was.

    Raises:
        ServerError: It cannot be made or started; nothing that was there before is changed.
        RefusedError: It is another project's, or nobody knows whose.
    """
    with sentences():
        project = belonging.project_here()
        folder = (folder or belonging.default_folder(project)).resolve()
        socket_dir_in(folder)  # refuses too long a path before anything is made
        found = find_binaries(bindir)
        data_dir = folder / "data"
        exists = (data_dir / "PG_VERSION").exists()
        account = Account.owning(data_dir) if exists else Account.for_new_server()
        _require_way(account, folder)
        _make_way(folder)
        with _locked(folder) as lock:
            server = Server(runnable_by(found, account), account, folder)
            if not (data_dir / "PG_VERSION").exists():
                _make(server, belonging.new(project, folder, port))
                os.fsync(lock)  # a finished server must not look unfinished after a power cut
            elif server.pid is None:
                _require_same_major(server, found)
            known = belonging.read(data_dir)
            if not take_over:
                belonging.require_ours(known, project, folder)
            ours = known or belonging.new(project, folder, port)
            ours = replace(ours, project=belonging.named(project), port=port or ours.port)
            server.port, server.password = ours.port, ours.password
            server.options = ours.options(data_dir, account)
            _start(server)
            if ours != known:
                ours.save(data_dir, account)
    return server


def _start(server: Server) -> None:
    """Start it, unless it runs; afterwards it listens, and its password is the one that we tell."""
    was_running = server.pid is not None
    if not server.socket_dir.exists():
        server.account.make_folder(server.socket_dir)
    server.start()
    _require_listening(server)
    try:
        with connect(server.dsn()) as conn:
            hashed = conn.pgconn.encrypt_password(
                (server.password or "").encode(), SUPERUSER.encode(), b"scram-sha-256"
            )
            conn.execute(
                sql.SQL("alter role {} password {}").format(
                    sql.Identifier(SUPERUSER), sql.Literal(hashed.decode())
                )
            )
    except (ConnectionFailedError, psycopg.Error):
        if not was_running:
            server.stop()
        raise


def _require_listening(server: Server) -> None:
    """Check that it is where we tell: one that pgcredits 0.1.0 started has its socket alone."""
    lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
    at = [str(server.port), str(server.socket_dir), belonging.ADDRESS]
    if lines[3:6] != at:
        raise ServerError(
            f"the server in {server.folder} runs, and does not listen on port {server.port} of "
            f"{belonging.ADDRESS}",
            f"Stop it, and try again: {server.stop_command()}",
        )


def running(folder: Path | None = None) -> int | None:
    """The process id of the server in a folder, if it runs."""
    with sentences():
        return reaper.postmaster((folder or belonging.default_folder()).resolve() / "data")


def stop(folder: Path | None = None, patience: float = 60.0) -> bool:
    """Stop the server in a folder; False if there was none running.

    Raises:
        ServerError: We may not stop it, or it does not stop.
    """
    folder = (folder or belonging.default_folder()).resolve()
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
            f"Name a folder that everybody can reach, as {belonging.common_folder()}/db.",
        )


def _make_way(folder: Path) -> None:
    """Make the folder and those above it, for us alone; root's let the server's account through."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    for path in [one for one in (folder, *folder.parents) if not one.exists()][::-1]:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            path.chmod(mode)


def _make(server: Server, ours: Belonging) -> None:
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
    ours.save(unfinished, server.account)
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
