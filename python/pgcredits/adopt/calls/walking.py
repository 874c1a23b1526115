"""The files of an application's source that may be read as text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Folders of what others wrote or a program made.
FOLDERS = frozenset({
    "node_modules", "bower_components", "site-packages", "__pycache__", "venv",
    ".git", ".hg", ".svn", ".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", ".gradle", ".terraform", ".yarn",
})  # fmt: skip
#: Endings of files that run nowhere.
ENDINGS = (".md", ".rst", ".lock", ".map", ".svg", ".log")
#: A longer file is data.
MOST_BYTES = 2_000_000
#: A file with a zero byte at its beginning is binary.
_BEGINNING = 8_000
#: In the first line of plans and copies that we have written.
_OURS = b"pgcredits adopt"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


@dataclass(frozen=True)
class PassedOver:
    """A file that was not read.

    Attributes:
        file: Which.
        because: Why.
    """

    file: str
    because: str


def files(top: Path, passed_over: list[PassedOver]) -> Iterator[tuple[str, bytes]]:
    """Each file below, by its path from there, and what is in it; links are not followed.

    Args:
        top: A folder, or one file.
        passed_over: Gets the files that are too long or cannot be read.
    """
    if top.is_file():
        yield from _read(top.name, str(top), passed_over)
        return
    waiting = [str(top)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as error:
            passed_over.append(PassedOver(os.path.relpath(folder, top), str(error.strerror)))
            continue
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and not entry.name.endswith(ENDINGS):
                yield from _read(os.path.relpath(entry.path, top), entry.path, passed_over)
        waiting += [
            entry.path
            for entry in reversed(entries)
            if entry.is_dir(follow_symlinks=False) and entry.name not in FOLDERS
        ]


def _read(name: str, path: str, passed_over: list[PassedOver]) -> Iterator[tuple[str, bytes]]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - of 100,000 files each is a string
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        passed_over.append(PassedOver(name, str(error.strerror)))
        return
    if not is_text(data) or _OURS in data[:80]:
        return
    if len(data) > MOST_BYTES:
        passed_over.append(PassedOver(name, f"it has more than {MOST_BYTES:,} bytes"))
        return
    yield name, data


def is_text(data: bytes) -> bool:
    """Whether it is no binary file."""
    return is_marked(data) or b"\0" not in data[:_BEGINNING]


def is_marked(data: bytes) -> bool:
    """Whether it begins with the mark of UTF-16."""
    return data[:2] in _MARKS


def decoded(data: bytes) -> str:
    """The text; bytes that are none of it become question marks."""
    return data.decode(_MARKS.get(data[:2], "utf-8"), errors="replace")
