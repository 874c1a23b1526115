"""A server for one process: it is gone when the process goes, also by SIGKILL."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pgcredits.errors import ServerError
from pgcredits.server import reaper
from pgcredits.server.account import Account
from pgcredits.server.binaries import find_binaries, runnable_by
from pgcredits.server.instance import Server, sentences, socket_dir_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "pgcredits-run-"
# A folder is ours to remove only if this file is in it.
_MARK = "ephemeral-server"
_KEPT = "kept"
_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
_ROOMY = 1024**3

_UNSAFE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
#: Settings for a quiet log: every refused call would otherwise write a few lines to it.
_QUIET = {"log_min_messages": "log", "log_checkpoints": "off"}


@contextmanager
def ephemeral_server(
    *,
    bindir: Path | None = None,
    fsync: bool = False,
    options: Mapping[str, str] | None = None,
    keep: bool = False,
) -> Iterator[Server]:
    """Run a server in a folder of its own, which vanishes with it.

    Args:
        bindir: Where its programs are, instead of what `find_binaries` finds.
        fsync: Whether its data survive a crash of the machine; if not, it is as fast as can be,
            and in memory where there is room.
        options: Settings by name, as in postgresql.conf.
        keep: Leave it running after a normal end. Once it is stopped, its folder is removed by
            the next ephemeral server.

    Yields:
        The running server.
    """
    us = os.getpid()
    account = Account.for_new_server()
    binaries = runnable_by(find_binaries(bindir), account)
    with sentences():
        folder, lock = _make_folder(account, in_memory=not (fsync or keep))
    watchdog = _watch(folder)
    settings = {**({} if fsync else _UNSAFE), **_QUIET, **(options or {})}
    server = Server(binaries, account, folder, settings)
    kept = False
    try:
        with sentences():
            account.make_folder(server.data_dir)
            account.make_folder(server.socket_dir)
            server.initialise(server.data_dir, sync=False)
            server.start()
        yield server
        kept = keep and server.pid is not None
    finally:
        # A forked child that leaves this block must not take the server from its parent.
        if os.getpid() == us:
            if kept:
                (folder / _KEPT).touch()
            else:
                server.discard()
            _release(watchdog)
            os.close(lock)


def _make_folder(account: Account, *, in_memory: bool) -> tuple[Path, int]:
    """Make the folder of a server, and lock it for as long as this process lives."""
    bases = _bases(in_memory=in_memory)
    for base in bases:
        _sweep(base)
    suitable = [base for base in bases if _suits(base, account)]
    if not suitable:
        raise ServerError(
            f"no server can be put in {', '.join(map(str, bases))}: the path is too long for a "
            f"Unix socket, or the user {account.name} cannot enter it",
            "Set TMPDIR to another folder.",
        )
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=suitable[0]))
        if not account.is_us:
            folder.chmod(0o711)  # ours; the server's account must get through to its own
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            (folder / _MARK).touch()
            return folder, lock
        os.close(lock)  # another process removed the folder before we could lock it


def is_ephemeral(folder: Path) -> bool:
    """Whether the server in this folder is one of ours, kept or not."""
    return (folder / _MARK).exists()


def _suits(base: Path, account: Account) -> bool:
    try:
        socket_dir_in(base / f"{_PREFIX}xxxxxxxx")
    except ServerError:
        return False
    return account.can_enter(base)


def _bases(*, in_memory: bool) -> list[Path]:
    bases = [Path(tempfile.gettempdir())]
    if in_memory:
        if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOMY:
            bases.insert(0, _MEMORY)
    elif "TMPDIR" not in os.environ and os.access("/var/tmp", os.W_OK):  # noqa: S108
        bases.insert(0, Path("/var/tmp"))  # noqa: S108 - unlike /tmp it is on a disk everywhere
    if Path("/tmp") not in bases:  # noqa: S108
        bases.append(Path("/tmp"))  # noqa: S108 - short, where TMPDIR is long
    return [base.resolve() for base in bases]


def _sweep(base: Path) -> None:
    """Remove what was left by runs that were killed together with their watchdog.

    A folder is in use while its owner lives (who holds a lock on it), or, if it was kept, while
    its server runs.
    """
    for folder in base.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                in_use = (folder / _KEPT).exists() and reaper.postmaster(folder / "data")
                if is_ephemeral(folder) and not in_use:
                    reaper.end(folder)
            finally:
                os.close(lock)


def _watch(folder: Path) -> subprocess.Popen[bytes]:
    """Start the watchdog; it ends the server as soon as this process is gone."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", reaper.__file__, str(os.getpid()), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _release(watchdog: subprocess.Popen[bytes]) -> None:
    with suppress(BrokenPipeError):
        watchdog.communicate(b".")
