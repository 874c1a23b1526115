"""Parts of the statements in a function's text, as patterns find them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Assignment:
    """An update of a balance.

    Attributes:
        column: The column.
        value: What it is set to.
        computed: The same, with what was computed before in place of a variable.
        at: Where in the text the statement begins.
        where: The condition of the statement.
    """

    column: str
    value: str
    computed: str
    at: int
    where: str

    @property
    def is_absolute(self) -> bool:
        """Whether the new value does not depend on the old one."""
        return not re.search(rf"\b{re.escape(self.column)}\b", self.value)

    @property
    def gives(self) -> bool:
        """Whether something is added."""
        return bool(re.search(r"\+ *(\w|\(|\$)", self.computed))

    @property
    def is_fixed(self) -> bool:
        """Whether what is added is always the same number."""
        return bool(re.search(r"\+ *\d+\b", self.computed))

    @property
    def is_judged(self) -> bool:
        """Whether the statement itself requires enough credits, so that no other can interfere."""
        return not self.is_absolute and bool(
            re.search(
                rf"\b{re.escape(self.column)}\b *>=?|<=? *(\w+\.)?{self.column}\b", self.where
            )
        )


def mentions(text: str, names: Iterable[str]) -> bool:
    """Whether one of these names stands in a text."""
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def between_commas(text: str) -> Iterator[str]:
    """What stands between commas that no parentheses and no quotes enclose."""
    begin = 0
    for at, char, depth in _outside_quotes(text):
        if char == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


def _outside_quotes(text: str) -> Iterator[tuple[int, str, int]]:
    """Each character that stands in no literal, and how many parentheses are open after it."""
    depth, is_quoted = 0, False
    for at, char in enumerate(text):
        is_quoted ^= char == "'"
        if not is_quoted:
            depth += (char == "(") - (char == ")")
            yield at, char, depth


def inserted(statement: str, column: str) -> str:
    """What an insert puts into a column; empty where it does not say so in one row of values."""
    found = re.search(r"\((?P<columns>[\w, ]+)\) values ?\(", statement)
    if found is None:
        return ""
    names = [name.strip() for name in found["columns"].split(",")]
    values = [one.strip() for one in between_commas(enclosed(statement[found.end() :]))]
    by_name: dict[str, str] = dict(zip(names, values, strict=False))
    return by_name.get(column, "")


def enclosed(text: str) -> str:
    """The text up to the parenthesis that closes one that was opened before it."""
    return next((text[:at] for at, _, depth in _outside_quotes(text) if depth == -1), text)
