"""A file that is there as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pgcredits.output.errors import ReportError


def write(path: Path, text: str, option: str = "--output") -> None:
    """Put the text there; a file of this name is replaced in one step.

    Raises:
        ReportError: It could not be written; what was there still is.
    """
    unfinished: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        unfinished = Path(name)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's file is for its owner alone, and so stays what it replaces with.
        unfinished.replace(path)
        unfinished = None
    except OSError as error:
        raise ReportError(
            f"{option} {path} cannot be written: {error.strerror}",
            "Name a file in a folder that exists and that you may write to.",
        ) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
