"""The README's fenced blocks and commands, as its tests run them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.paths import README

if TYPE_CHECKING:
    from collections.abc import Iterator

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, where it begins, and the output shown under it."""

    language: str
    code: str
    line: int
    output: str | None

    def __str__(self) -> str:
        """For the test's name."""
        return f"line {self.line}"


def blocks(*languages: str) -> list[Block]:
    """The README's blocks in these languages, in its order."""
    return [block for block in _all_blocks() if block.language in languages]


def console_commands() -> list[str]:
    """The commands of the README's terminal blocks."""
    return [
        line.removeprefix("$ ")
        for block in blocks("console")
        for line in block.code.splitlines()
        if line.startswith("$ ")
    ]


def inline_commands(program: str) -> list[str]:
    """The commands that the text names in passing, each once."""
    prose = FENCE.sub("", README.read_text(encoding="utf-8"))
    found = [" ".join(code.split()) for code in INLINE.findall(prose)]
    return list(dict.fromkeys(code for code in found if code.startswith(program + " ")))


def _all_blocks() -> Iterator[Block]:
    text = README.read_text(encoding="utf-8")
    matches = list(FENCE.finditer(text))
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        if match[1] == "text":
            continue
        shown = None
        if following and following[1] == "text":
            between = text[match.end() : following.start()]
            shown = None if between.strip() else following[2]
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 1, shown)
