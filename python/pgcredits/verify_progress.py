"""How far a verification has come, in a file, so that another run can go on from there.

The file is replaced in one step after each part, so that it is whole whatever ends the program.
Heads that are to be saved grow in a second file beside it.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus
from pgcredits.output.files import replacing
from pgcredits.verification import Verification, Violation

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ProgressFileError(PgcreditsError):
    """The file of a verification's progress cannot be read, written, or is of another one."""

    exit_status = ExitStatus.HEADS_FILE


class Progress(msgspec.Struct):
    """How far a verification has come.

    Attributes:
        about: What is verified: another run goes on only where this is the same.
        position: Where the next part begins, as verify_ledger_part says; None = at the start.
        ledger_rows: How many rows the parts had so far.
        users: How many users they belong to.
        total_rows: How many rows the ledger had at the start.
        by_kind: How many violations of each kind were found.
        violations: The first of them.
        heads_saved: How many heads are in the second file.
        heads_bytes: How long that was then: what comes after it is of a part that was broken off.
    """

    about: dict[str, str]
    position: dict[str, Any] | None = None
    ledger_rows: int = 0
    users: int = 0
    total_rows: int = 0
    by_kind: dict[str, int] = {}
    violations: list[Violation] = []
    heads_saved: int = 0
    heads_bytes: int = 0

    def found(self) -> Verification:
        """What was found so far."""
        return Verification(
            ledger_rows=self.ledger_rows,
            users=self.users,
            total_rows=self.total_rows,
            by_kind=Counter(self.by_kind),
            violations=list(self.violations),
        )


class ProgressFile:
    """Where progress is kept."""

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path
        self._heads = path.with_name(f"{path.name}.heads")

    def require_apart(self, *others: Path | None) -> None:
        """Check that neither file is one of these, which would be written over and removed.

        Raises:
            ProgressFileError: One is.
        """
        ours = {self._path.resolve(), self._heads.resolve()}
        for other in others:
            if other is not None and other.resolve() in ours:
                raise ProgressFileError(
                    f"the progress cannot be kept in {self._path}: {other} is a file of heads",
                    f"Keep it in another file; {self._heads.name} beside it is in use, too.",
                )

    def read(self, about: dict[str, str]) -> Progress:
        """The progress in the file; where there is no file, that of a beginning.

        Raises:
            ProgressFileError: It cannot be read, or is about something else.
        """
        try:
            with self._explained():
                if not self._path.exists() and self._path.parent.is_dir():
                    return Progress(about)
                progress = msgspec.json.decode(self._path.read_bytes(), type=Progress)
        except msgspec.MsgspecError as error:
            raise ProgressFileError(
                f"the progress in {self._path} cannot be understood: {error}",
                "Name a file that pgcredits verify --resume has written, or a new one.",
            ) from error
        if progress.about != about:
            differing = sorted(k for k in about if progress.about.get(k) != about[k])
            raise ProgressFileError(
                f"the progress in {self._path} is of another verification: it has another "
                f"{' and '.join(differing)}",
                "Finish that one with the options that it was begun with, or name another file.",
            )
        return progress

    def write(self, progress: Progress) -> None:
        """Keep the progress.

        Raises:
            ProgressFileError: It cannot be written.
        """
        with self._explained(), replacing(self._path) as file:
            file.write(msgspec.json.encode(progress))

    def remove(self) -> None:
        """The verification has ended."""
        for path in (self._path, self._heads):
            path.unlink(missing_ok=True)

    @contextmanager
    def heads(self, progress: Progress) -> Iterator[BinaryIO]:
        """The file in which heads grow, as it was when the progress was written.

        Raises:
            ProgressFileError: It cannot be opened, is shorter than it was, or another run writes to
                it at this moment.
        """
        with self._explained():
            flags = os.O_RDWR | os.O_CREAT
            file = os.fdopen(os.open(self._heads, flags, 0o600), "r+b")
        with file:
            self._hold(file)
            if file.seek(0, os.SEEK_END) < progress.heads_bytes:
                raise ProgressFileError(
                    f"the heads in {self._heads} are not those that {self._path} tells of",
                    "Remove both files, and begin again.",
                )
            file.truncate(progress.heads_bytes)
            file.seek(progress.heads_bytes)
            yield file

    def _hold(self, file: BinaryIO) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProgressFileError(
                f"another verification is at work with {self._path}",
                "Wait for its end, or name another file.",
            ) from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ProgressFileError(
                f"the progress cannot be kept in {self._path}: {error.strerror or error}",
                "Name a file in a folder where you may read and write.",
            ) from error
