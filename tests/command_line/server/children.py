"""Start processes that own servers, and watch what becomes of both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pgcredits
from pgcredits.server import ephemeral, reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OWNER = Path(__file__).with_name("owner.py")


@contextmanager
def shared_folder(*, programs: bool = False) -> Iterator[Path]:
    """A folder that all users may enter; pytest's own are closed to them.

    In memory where possible, unless programs shall run in it: there they may not.
    """
    place = Path("/var/tmp") if programs else ephemeral._bases(in_memory=True)[0]  # noqa: S108
    with tempfile.TemporaryDirectory(prefix="pgc-test-", dir=place) as name:
        folder = Path(name).resolve()
        folder.chmod(0o1777)
        yield folder


def until(condition: Callable[[], Any], patience: float = 30) -> Any:
    """Wait for a condition; its value."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.005)
    return value


def environment() -> dict[str, str]:
    """Environment variables by which a child of our interpreter finds pgcredits as we do."""
    places = [str(Path(pgcredits.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


@contextmanager
def owner(
    *arguments: str,
    python: str = sys.executable,
    program: Path = OWNER,
    env: Mapping[str, str] | None = None,
    **how: Any,
) -> Iterator[subprocess.Popen[str]]:
    """Run owner.py; it is gone at the end, if by then the test has not seen to it."""
    child = subprocess.Popen(
        [python, str(program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env or environment(),
        cwd="/",
        start_new_session=True,  # so that a test may send Ctrl-C to it alone
        **how,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def announced(child: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says once its server answers."""
    assert child.stdout is not None
    assert child.stderr is not None
    line = child.stdout.readline()
    assert line, child.stderr.read()
    facts: dict[str, Any] = json.loads(line)
    return facts


def gone(facts: Mapping[str, Any]) -> bool:
    """Whether nothing is left of an ephemeral server."""
    return not Path(facts["folder"]).exists() and reaper.process(facts["pid"]) is None


def watchdog_of(folder: str | Path) -> int:
    """The process that waits for the owner's end."""
    return next(
        found.pid
        for found in reaper.processes()
        if reaper.__file__ in found.command and str(folder) in found.command
    )


def modes(*paths: Path) -> dict[Path, tuple[int, int, int]]:
    """Mode, owner and group of folders, and of all above them."""
    every = {folder for path in paths for folder in (path, *path.parents)}
    facts = {folder: folder.stat() for folder in every}
    return {folder: (fact.st_mode, fact.st_uid, fact.st_gid) for folder, fact in facts.items()}
