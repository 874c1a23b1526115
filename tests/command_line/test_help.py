"""Help texts are shown as they are written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from pgcredits.cli.app import app
from support.program import pgcredits

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a terminal library may take for markup.
IN_BRACKETS = re.compile(r"\[[^\]\s]+\]")


def commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of the command line, with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, *path, name)


def test_no_word_in_square_brackets_is_lost() -> None:
    found = []
    for path, command in commands(get_command(app)):
        texts = [command.help, *(getattr(option, "help", None) for option in command.params)]
        words = IN_BRACKETS.findall(" ".join(filter(None, texts)))
        if words:
            done = pgcredits(*path, "--help", environment={"COLUMNS": "200"})
            assert done.returncode == 0
            assert [word for word in words if word not in done.stdout] == []
            found += words

    assert "[report]" in found
