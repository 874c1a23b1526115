"""Write files as a whole or not at all, even when the program is killed."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgcredits.output.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


@contextmanager
def replacing(
    path: Path, *, is_private: bool = True, keeps_empty: bool = True, follows_link: bool = True
) -> Iterator[BinaryIO]:
    """A new file, which takes the place of `path` in one step when the block has ended well.

    Args:
        path: Where it goes.
        is_private: Only its owner may read it; otherwise it has the usual rights.
        keeps_empty: Whether a new file that nothing was written to takes the place, too.
        follows_link: Where `path` is a link, whether the file that it names is replaced, or the
            link itself: in a folder that others may write to, a link may name anything.

    Raises:
        OSError: It cannot be written. An earlier file is still there.
    """
    target = path.resolve() if follows_link else path
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    rights = 0o600 if is_private else 0o666
    handle = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, rights)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            is_empty = file.tell() == 0
        if keeps_empty or not is_empty:
            new.replace(target)
            _sync_folder(target.parent)
    finally:
        new.unlink(missing_ok=True)


def write(path: Path, text: str, option: str = "--output") -> None:
    """Put the text there; a file, or a link, of this name is replaced in one step.

    Raises:
        ReportError: It could not be written; an earlier file is still there.
    """
    try:
        with replacing(path, follows_link=False) as file:
            file.write(text.encode())
    except OSError as error:
        raise ReportError(
            f"{option} {path} cannot be written: {error.strerror}",
            "Name a file in a folder that exists and that you may write to.",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Sync the folder, so that a new name outlives a power cut, where the system can do that."""
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written to, but not read
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
