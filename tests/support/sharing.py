"""What takes long to make, made once for all of pytest-xdist's workers."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[], str]) -> str:
    """The text that `make` returns; the first worker that needs it makes it for all.

    Args:
        folders: pytest's, where the text is kept for as long as pytest keeps the run's folders.
        name: Names the text within a run of the tests.
        make: Called at most once in a run, unless it raises.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return make()
    # Each worker's folder is one of its run's.
    with (folders.getbasetemp().parent / name).open("a+", encoding="utf-8") as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        shared.seek(0)
        text = shared.read()
        if not text:
            text = make()
            shared.write(text)
        return text
