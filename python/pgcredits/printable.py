"""Make texts that others wrote harmless before they are shown."""

from __future__ import annotations

import unicodedata

#: Longer texts, as very long error messages, are cut; their beginning says most.
LONGEST = 300

# Controls (escape sequences begin with one), formats (among them all bidirectional overrides),
# surrogates, and what separates lines.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text on one line, with everything escaped that could control a terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def harmless(text: str, longest: int = LONGEST) -> str:
    """One line of visible characters; each run of others becomes a space."""
    visible = "".join(" " if unicodedata.category(c) in _UNSAFE else c for c in text)
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
