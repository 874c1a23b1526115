"""End a server: kill its processes, found in the process table, and remove its folder.

As a script this is the watchdog of an ephemeral server. It waits on standard input, the read end
of a pipe whose other end only the owner holds: a byte releases it, the end of the file means that
the owner is gone, however it died. Only the standard library, so that it starts at once.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0
_POLL = 0.01


@dataclass(frozen=True)
class Process:
    """A live process; zombies, which are dead but not yet waited for, are not listed."""

    pid: int
    parent: int
    uid: int
    command: str


def process(pid: int) -> Process | None:
    """One process, if it is alive."""
    if not Path("/proc/self/stat").exists():
        return next((found for found in _ps("-p", str(pid))), None)
    folder = Path("/proc") / str(pid)
    try:
        # "pid (name) state parent ...", and the name may contain anything.
        state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
        uid = folder.stat().st_uid
    except OSError:
        return None
    return None if state in "ZX" else Process(pid, int(parent), uid, os.fsdecode(command))


def processes() -> list[Process]:
    """All live processes that we may see."""
    if not Path("/proc/self/stat").exists():
        return _ps("-A")
    pids = (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208
    return [found for found in map(process, pids) if found]


def _ps(*selection: str) -> list[Process]:
    """For systems without /proc."""
    columns = "pid=,ppid=,uid=,stat=,command="
    listing = subprocess.run(
        ["ps", "-ww", *selection, "-o", columns], capture_output=True, check=False, text=True
    )
    found = (line.split(None, 4) for line in listing.stdout.splitlines())
    return [
        Process(int(pid), int(parent), int(uid), command + " ")
        for pid, parent, uid, state, command in found
        if "Z" not in state
    ]


def postmaster(data_dir: Path) -> int | None:
    """The process id of the server that runs on a data directory.

    Raises:
        PermissionError: We may not look at it.
    """
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    found = process(pid)
    return pid if found and _works_on(found, data_dir) else None


def _works_on(candidate: Process, data_dir: Path) -> bool:
    """Whether it is a server or initdb of this directory, not another process with a reused pid."""
    try:
        owner = data_dir.stat().st_uid
    except OSError:
        return False
    return candidate.uid == owner and f" -D {data_dir} " in candidate.command


def _at_work_on(data_dir: Path) -> list[int]:
    return [found.pid for found in processes() if _works_on(found, data_dir)]


def kill_all(data_dir: Path) -> None:
    """SIGKILL the server with all its backends, and whatever else was started on the directory."""
    roots = _at_work_on(data_dir)
    for pid in roots:
        _send(pid, signal.SIGSTOP)  # no more children from here on
    victims = roots + [found.pid for found in processes() if found.parent in roots]
    for pid in victims:
        _send(pid, signal.SIGKILL)
    wait_gone(victims)


def stop(data_dir: Path, number: int, patience: float) -> bool:
    """Send the server a signal, if there is one, and wait until it is gone."""
    pid = postmaster(data_dir)
    if pid is None:
        return True
    _send(pid, number)
    return wait_gone([pid], patience)


def wait_gone(pids: list[int], patience: float = PATIENCE) -> bool:
    """Wait until none of the processes is alive; false if that takes too long."""
    deadline = time.monotonic() + patience
    while any(process(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(folder: Path, data_dir: Path | None = None) -> None:
    """End the processes that work on `data_dir` (by default folder/data); remove the folder."""
    data_dir = data_dir or folder / "data"
    # After SIGQUIT, unlike SIGKILL, processes give their shared memory back.
    working = _at_work_on(data_dir)
    for pid in working:
        _send(pid, signal.SIGQUIT)
    wait_gone(working, 10)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        kill_all(data_dir)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(_POLL)  # an initdb's last child may still be writing


def _watch(owner: int, folder: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A forked child of the owner may hold the pipe open: also end when our parent has changed.
    while os.getppid() == owner and not select.select([0], [], [], 1.0)[0]:
        pass
    if select.select([0], [], [], 0)[0] and os.read(0, 1):
        return
    end(folder)
    # A program that the owner was just about to start when it died shows up only now.
    time.sleep(0.5)
    end(folder)


if __name__ == "__main__":
    _watch(int(sys.argv[1]), Path(sys.argv[2]))
