"""Texts of strangers, made harmless before anything shows them."""

from __future__ import annotations

import unicodedata

#: An error message may be very long; what identifies it comes first.
LONGEST = 300

# Controls (escape sequences begin with one), formats (among them all bidirectional overrides),
# surrogates, and what separates lines.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """A text on one line that does nothing to a terminal, and loses nothing."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def harmless(text: str, longest: int = LONGEST) -> str:
    """One line of visible characters; each run of others becomes a space."""
    visible = "".join(" " if unicodedata.category(c) in _UNSAFE else c for c in text)
    line = " ".join(visible.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
