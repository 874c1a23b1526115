"""The fenced blocks and the commands of the documentation's pages, as its tests run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from support.paths import PAGES, page_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, where it begins, and the output shown under it."""

    page: Path
    language: str
    code: str
    line: int
    output: str | None

    def __str__(self) -> str:
        """For the test's name."""
        return f"{page_name(self.page)}, line {self.line}"


@dataclass(frozen=True)
class InlineCommand:
    """A command that a page's text names in passing."""

    page: Path
    command: str

    def __str__(self) -> str:
        """For the test's name."""
        return f"{page_name(self.page)}: {self.command}"


def blocks(*languages: str, pages: tuple[Path, ...] = PAGES) -> list[Block]:
    """The blocks in these languages, page by page, in the order of each page."""
    return [block for page in pages for block in _all_blocks(page) if block.language in languages]


def console_commands(page: Path) -> list[str]:
    """The commands of a page's terminal blocks."""
    return [
        line.removeprefix("$ ")
        for block in blocks("console", pages=(page,))
        for line in block.code.splitlines()
        if line.startswith("$ ")
    ]


def inline_commands(program: str) -> list[InlineCommand]:
    """The commands that the text of any page names in passing, each once."""
    found: dict[str, InlineCommand] = {}
    for page in PAGES:
        prose = FENCE.sub("", page.read_text(encoding="utf-8"))
        for code in INLINE.findall(prose):
            command = " ".join(code.split())
            if command.startswith(program + " "):
                found.setdefault(command, InlineCommand(page, command))
    return list(found.values())


def _all_blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match, following in pairwise([*FENCE.finditer(text), None]):
        assert match is not None
        if match[1] == "text":
            continue
        shown = None
        if following and following[1] == "text":
            between = text[match.end() : following.start()]
            shown = None if between.strip() else following[2]
        yield Block(page, match[1], match[2], text.count("\n", 0, match.start()) + 1, shown)
