"""One PostgreSQL server: a data directory, a socket, and the process between them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgcredits.errors import ServerError
from pgcredits.server import reaper

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pgcredits.server.account import Account
    from pgcredits.server.binaries import Binaries

SUPERUSER = "postgres"
# The socket lives in a folder of its own, so the number (a part of its name) never collides.
PORT = 5432
# sockaddr_un.sun_path: 104 bytes on macOS, 108 on Linux, with the final zero.
LONGEST_SOCKET_PATH = 103

_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


def socket_fits(socket_dir: Path) -> bool:
    """Whether the operating system can bind a socket in this folder."""
    return len(os.fsencode(socket_dir / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH


@dataclass
class Server:
    """A server that can be started, stopped and killed; not safe for use by several threads.

    It listens on a Unix socket in a private folder and nowhere else. There is no password:
    whoever may open the socket is its owner or root, and could read the data files as well.
    """

    binaries: Binaries
    account: Account
    data_dir: Path
    socket_dir: Path
    log_file: Path
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = PORT
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def dsn(self, dbname: str = "postgres") -> str:
        """A libpq connection string for its superuser."""
        return make_conninfo(
            host=str(self.socket_dir), port=self.port, user=SUPERUSER, dbname=dbname
        )

    def psql_command(self, dbname: str = "postgres") -> str:
        """What a person types to look around."""
        psql = self.binaries.program("psql")
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.binaries.env.items()]
        program = shlex.quote(psql) if os.access(psql, os.X_OK) else "psql"
        return " ".join([*variables, program, shlex.quote(self.dsn(dbname))])

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return reaper.postmaster(self.data_dir)

    def initialise(self, data_dir: Path, *, sync: bool) -> None:
        """Run initdb on an empty folder: UTF-8, sorted by code point, times in UTC."""
        # The builtin provider came with 17. Not every system has C.UTF-8: then plain C.
        locales = (
            [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
            if self.binaries.major >= 17
            else [["--locale=C.UTF-8"], ["--locale=C"]]
        )
        command = [self.binaries.program("initdb"), "-D", str(data_dir), "--auth=trust"]
        command += [f"--username={SUPERUSER}", "--encoding=UTF8", "--no-instructions"]
        command += [] if sync else ["--no-sync"]
        for locale in locales:
            with self._spawn(command + locale, stderr=subprocess.PIPE) as initdb:
                complaint = os.fsdecode(initdb.communicate()[1])
            if initdb.returncode == 0:
                return
        raise _failure(f"initdb failed on {data_dir}", complaint)

    def start(self, patience: float = 60.0) -> None:
        """Start it and wait until it accepts connections; one that runs is left alone.

        A server that was killed before is no obstacle: its pid file is recognised as stale, and
        its last backends are waited for.

        Raises:
            ServerError: It does not start, with the last lines of its log.
        """
        if self.pid is not None:
            return
        self._reap()
        self._forget_dead_postmaster()
        settings = {
            **self.options,
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "port": str(self.port),
        }
        command = [self.binaries.program("postgres"), "-D", str(self.data_dir)]
        command += [word for item in settings.items() for word in ("-c", "=".join(item))]
        deadline = time.monotonic() + patience
        while True:
            with self.log_file.open("ab") as log:
                seen = log.tell()
                self._process = child = self._spawn(command, stderr=log)
            if self._is_ready(child, deadline):
                return
            complaint = self._log_since(seen)
            late = time.monotonic() > deadline
            self.kill()
            if late or "is still in use" not in complaint:
                raise _failure(f"The server on {self.data_dir} did not start", complaint)
            time.sleep(0.1)  # backends of a killed server: they end as soon as they notice

    def stop(self, mode: str = "fast", patience: float = 60.0) -> None:
        """Stop it and wait until it is gone; the modes are those of pg_ctl."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, _SIGNALS[mode])
            if not reaper.wait_gone([pid], patience):
                self.kill()
        self._reap()

    def restart(self) -> None:
        """Stop it and start it."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """SIGKILL the postmaster and all its children, as the kernel or a power cut would."""
        reaper.kill_all(self.data_dir)
        self._reap()

    def _reap(self) -> None:
        """Take the exit status of our own child: until then its pid looks alive to PostgreSQL."""
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _spawn(self, command: list[str], stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
        # The caller's environment stays with the caller: it may hold secrets and PG* variables.
        path = os.environ.get("PATH", os.defpath)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={"PATH": path, "LC_ALL": "C", "TZ": "UTC", **self.binaries.env},
                cwd="/",
                umask=0o077,
                start_new_session=True,  # Ctrl-C is for the caller
                **self.account.switch(),
            )
        except OSError as error:
            raise ServerError(f"{command[0]} does not start: {error}.") from error

    def _is_ready(self, child: subprocess.Popen[bytes], deadline: float) -> bool:
        """Wait for the line "ready" in the pid file, as pg_ctl does."""
        while child.poll() is None and time.monotonic() < deadline:
            try:
                lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if lines[:1] == [str(child.pid)] and "ready" in "".join(lines[7:8]):
                return True
            time.sleep(0.01)
        return False

    def _forget_dead_postmaster(self) -> None:
        """Remove a pid file whose process is a zombie, or by now something else than PostgreSQL.

        PostgreSQL itself only asks whether the pid exists. Backends that may have survived are
        still found by it: through their shared memory.
        """
        file = self.data_dir / "postmaster.pid"
        try:
            pid = int(file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return
        except ValueError:
            pid = 0
        alive = reaper.process(pid) if pid > 0 else None
        if alive is None or "postgres" not in alive.command.split(" ", 1)[0]:
            file.unlink()

    def _log_since(self, position: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(position)
            return os.fsdecode(log.read())


def _failure(sentence: str, complaint: str) -> ServerError:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    hint = "The lines above are PostgreSQL's own."
    if "No space left on device" in complaint:
        hint = "The disk is full: free some space, or set TMPDIR to a folder with more."
    elif "Permission denied" in complaint:
        hint = "Its account must be able to enter all folders above."
    elif "shared memory" in complaint and "still in use" in complaint:
        hint = "Backends of a killed server are still at work: try again, or end them."
    return ServerError("\n".join([f"{sentence}:", *lines[-5:]]), hint)
