"""The command line as a program of its own, which runs on and is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from psycopg.conninfo import make_conninfo

from support.program import pgcredits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

    from support.databases import Database

PGCREDITS = Path(sysconfig.get_path("scripts")) / "pgcredits"
# Far beyond what anything takes, even on a busy machine: reaching it is a failure.
DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.02


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Poll until the condition holds; returns what it returned."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(POLL_SECONDS)
    return found


def as_role(database: Database, role: str) -> str:
    """A connection string for somebody with the rights of this role and no others."""
    return make_conninfo(database.dsn, options=f"-c role={role}")


def note_transactions(conn: psycopg.Connection[Any], table: str) -> None:
    """Note from now on which transactions write to a table."""
    conn.execute(
        f"""
        create table public.writers (transaction xid8 primary key);
        create function public.note_writer() returns trigger language plpgsql security definer as $$
        begin
            insert into public.writers values (pg_current_xact_id()) on conflict do nothing;
            return null;
        end $$;
        create trigger note_writer after insert on {table}
        for each statement execute function public.note_writer()
        """.encode()
    )


def transactions_noted(conn: psycopg.Connection[Any]) -> int:
    """How many transactions wrote to the table since `note_transactions`."""
    return len(conn.execute("select from public.writers").fetchall())


def environment(dsn: str, **more: str) -> dict[str, str]:
    return {**os.environ, "PGCREDITS_DSN": dsn, "COLUMNS": "200", **more}


def run(dsn: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return pgcredits(*arguments, dsn=dsn, environment={"COLUMNS": "200", **more})


@dataclass
class Program:
    """A command that runs, and what it has printed so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _readers: list[Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read what it prints, as it comes."""
        for stream, kept in (
            (self.process.stdout, self.lines),
            (self.process.stderr, self.complaints),
        ):
            assert stream is not None
            thread = Thread(target=_read, args=(stream, kept), daemon=True)
            thread.start()
            self._readers.append(thread)

    def told(self) -> list[dict[str, Any]]:
        """The JSON lines so far."""
        return [json.loads(line) for line in list(self.lines)]

    def until(self, condition: Callable[[], Any], what: str = "it") -> Any:
        """Poll until the condition holds; the program must not end before."""

        def look() -> Any:
            found = condition()
            assert found or self.process.poll() is None, f"it ended: {self.complaints}"
            return found

        return until(look, what)

    def send(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Its exit status, once it has ended and all that it printed has been read."""
        status = self.process.wait(DEADLINE_SECONDS)
        for thread in self._readers:
            thread.join(DEADLINE_SECONDS)
        return status

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit status."""
        self.send(number)
        return self.ended()


@contextmanager
def program(dsn: str, *arguments: str, **more: str) -> Iterator[Program]:
    """Start a command; it is gone after the block."""
    process = subprocess.Popen(
        [PGCREDITS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(dsn, **more),
    )
    started = Program(process)
    try:
        yield started
    finally:
        process.kill()
        process.wait(DEADLINE_SECONDS)


def _read(stream: IO[str], kept: list[str]) -> None:
    kept.extend(line.rstrip("\n") for line in stream)
