"""Where SQL files define things: what is named there runs nowhere of its own."""

from __future__ import annotations

import re

#: A comment, a text, a quoted name, a body between dollars, or the end of a statement.
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
    r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)|;",
    re.DOTALL,
)
_DEFINES = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:create|alter|drop|comment|grant|revoke|security)\b",
    re.IGNORECASE | re.DOTALL,
)


def definitions(text: str) -> list[tuple[int, int]]:
    """Where the statements of SQL that define something begin and end."""
    found, begin = [], 0
    for token in _TOKEN.finditer(text):
        if token[0] == ";":
            if _DEFINES.match(text, begin):
                found.append((begin, token.end()))
            begin = token.end()
    if _DEFINES.match(text, begin):
        found.append((begin, len(text)))
    return found
