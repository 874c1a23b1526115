"""One PostgreSQL server: a data directory, a socket, and the process between them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgcredits.errors import ServerError
from pgcredits.server import reaper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgcredits.server.account import Account
    from pgcredits.server.binaries import Binaries

SUPERUSER = "postgres"
# The socket lives in a folder of its own, so the number (a part of its name) never collides.
PORT = 5432
# sockaddr_un.sun_path: 104 bytes on macOS, 108 on Linux, with the final zero.
LONGEST_SOCKET_PATH = 103

_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_HINTS = {
    "No space left on device": "The disk is full: free some space or choose another folder.",
    "Permission denied": "Its account must be able to enter all folders above.",
    "could not bind": "Another program has the port: end that, or name another with --port.",
    "still in use": "Backends of a killed server are still at work: try again, or end them.",
    "could not look up effective user": "Run this as a user whom the system knows by name.",
}


@contextmanager
def sentences() -> Iterator[None]:
    """Turn errors of the operating system into a sentence and a hint."""
    try:
        yield
    except OSError as error:
        raise ServerError(
            ": ".join(str(part) for part in (error.strerror or error, error.filename) if part),
            "Choose another folder, or run this as the user to whom it belongs.",
        ) from error


def socket_dir_in(folder: Path) -> Path:
    """Where the socket of a server in `folder` is.

    Raises:
        ServerError: The operating system could not bind it: its path is too long.
    """
    socket_dir = folder / "socket"
    if len(os.fsencode(socket_dir / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET_PATH:
        raise ServerError(
            f"the path {folder} is too long for a Unix socket", "Choose a folder nearer the root."
        )
    return socket_dir


@dataclass
class Server:
    """A server that can be started, stopped and killed; not safe for use by several threads.

    It listens on a Unix socket in a private folder; its options may add an address. On the socket
    there is no password: whoever may open it is its owner or root, and could read the data files
    as well.
    """

    binaries: Binaries
    account: Account
    folder: Path
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = PORT
    password: str | None = field(default=None, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data_dir(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def socket_dir(self) -> Path:
        """The private folder with the socket; libpq's `host`."""
        return socket_dir_in(self.folder)

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return reaper.postmaster(self.data_dir)

    def dsn(self, dbname: str = "postgres") -> str:
        """A libpq connection string for its superuser."""
        return make_conninfo(
            host=str(self.socket_dir), port=self.port, user=SUPERUSER, dbname=dbname
        )

    def uri(self, dbname: str = "postgres") -> str:
        """A connection string for its superuser that every driver reads: over TCP."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{dbname}"

    def psql_command(self, dbname: str = "postgres") -> str:
        """The command that opens psql on it."""
        psql = self.binaries.program("psql")
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.binaries.env.items()]
        program = shlex.quote(psql) if os.access(psql, os.X_OK) else "psql"
        return " ".join([*variables, program, shlex.quote(self.dsn(dbname))])

    def stop_command(self) -> str:
        """The command that stops it."""
        return f"pgcredits up --stop {shlex.quote(str(self.folder))}"

    def initialise(self, data_dir: Path, *, sync: bool) -> None:
        """Run initdb on an empty folder: UTF-8, sorted by code point, times in UTC.

        Raises:
            ServerError: It failed, with its last lines.
        """
        # PostgreSQL has a builtin locale provider since 17. Not every system has C.UTF-8: then C.
        locales = (
            [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
            if self.binaries.major >= 17
            else [["--locale=C.UTF-8"], ["--locale=C"]]
        )
        command = [self.binaries.program("initdb"), "-D", str(data_dir), "--auth=trust"]
        command += [f"--username={SUPERUSER}", "--encoding=UTF8", "--lc-messages=C"]
        command += ["--no-instructions"]
        command += [] if sync else ["--no-sync"]
        for locale in locales:
            with self._spawn(command + locale, stderr=subprocess.PIPE) as initdb:
                complaint = os.fsdecode(initdb.communicate()[1])
            if initdb.returncode == 0:
                return
        raise _failure(f"initdb failed on {data_dir}", complaint)

    def start(self, patience: float = 60.0) -> None:
        """Start it, unless it runs already, and wait until it accepts connections.

        A server that was killed before is no obstacle: its pid file is recognised as stale, and
        its last backends are waited for.

        Raises:
            ServerError: It does not start, with the last lines of its log.
        """
        deadline = time.monotonic() + patience
        while True:
            seen = self.log_file.stat().st_size if self.log_file.exists() else 0
            pid = self.pid or self._launch()
            if self._is_ready(pid, deadline):
                return
            complaint = self._log_since(seen)
            late = time.monotonic() > deadline
            if self._process is not None:
                self._process.kill()  # only our child: another process may have started one
                self._reap()
            if late or not ("is still in use" in complaint or self.pid):
                raise _failure(f"the server in {self.folder} did not start", complaint)
            time.sleep(0.1)  # backends of a killed server end as soon as they notice

    def stop(self, mode: str = "fast", patience: float = 60.0) -> None:
        """Stop it, if it runs, and wait until it is gone; the modes are those of pg_ctl.

        Raises:
            ServerError: It is still there after `patience` seconds.
        """
        if not reaper.stop(self.data_dir, _SIGNALS[mode], patience):
            raise ServerError(
                f"the server in {self.folder} did not stop within {patience:.0f} seconds",
                f"See {self.log_file}.",
            )
        self._reap()

    def restart(self) -> None:
        """Stop it and start it."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """SIGKILL the postmaster and all its children, with no time to tidy up."""
        reaper.kill_all(self.data_dir)
        self._reap()

    def discard(self) -> None:
        """Stop it at once, and remove it with all its data."""
        reaper.end(self.folder)
        self._reap()

    def _launch(self) -> int:
        self._reap()
        self._forget_dead_postmaster()
        settings = {
            "listen_addresses": "",
            **self.options,
            "unix_socket_directories": str(self.socket_dir),
            "port": str(self.port),
        }
        command = [self.binaries.program("postgres"), "-D", str(self.data_dir)]
        command += [word for item in settings.items() for word in ("-c", "=".join(item))]
        self.log_file.touch(mode=0o600)
        with self.log_file.open("ab") as log:
            self._process = self._spawn(command, stderr=log)
        return self._process.pid

    def _reap(self) -> None:
        """Wait for our own child that has ended: until then PostgreSQL takes its pid for alive."""
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _spawn(self, command: list[str], stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={"LC_ALL": "C", "TZ": "UTC", **self.binaries.environment()},
                cwd="/",
                umask=0o077,
                start_new_session=True,  # Ctrl-C must reach only the caller
                **self.account.switch(),
            )
        except OSError as error:
            raise ServerError(f"{command[0]} does not start: {error}") from error

    def _is_ready(self, pid: int, deadline: float) -> bool:
        """Wait for the line "ready" in the pid file, as pg_ctl does."""
        while reaper.process(pid) and time.monotonic() < deadline:
            try:
                lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if lines[:1] == [str(pid)] and "ready" in "".join(lines[7:8]):
                return True
            time.sleep(0.01)
        return False

    def _forget_dead_postmaster(self) -> None:
        """Remove lock files of a process that is a zombie, or by now something else.

        PostgreSQL itself only asks whether the pid exists. Backends that may have survived are
        still found by it: through their shared memory.
        """
        lock = self.socket_dir / f".s.PGSQL.{self.port}.lock"
        for file in (self.data_dir / "postmaster.pid", lock):
            with suppress(FileNotFoundError):
                pid = file.read_text().split("\n", 1)[0]
                if not pid.isdecimal() or not self._may_be_ours(int(pid)):
                    file.unlink()

    def _may_be_ours(self, pid: int) -> bool:
        alive = reaper.process(pid)
        if alive is None or "postgres" not in alive.command.split(" ", 1)[0]:
            return False
        try:
            return Path(f"/proc/{pid}/cwd").readlink() == self.data_dir
        except OSError:  # there is none, or we may not read it
            return True

    def _log_since(self, position: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(position)
            return os.fsdecode(log.read())


def _failure(sentence: str, complaint: str) -> ServerError:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    hint = next((hint for piece, hint in _HINTS.items() if piece in complaint), "")
    return ServerError(
        "\n".join([f"{sentence}:", *lines[-5:]]), hint or "The lines are PostgreSQL's own."
    )
