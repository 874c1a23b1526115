"""A page's headings, with the anchors that GitHub gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Heading:
    """One heading: 1 is the page's own, 2 a section's."""

    level: int
    title: str

    @property
    def anchor(self) -> str:
        """What a link to it ends with, after the hash."""
        return re.sub(r"[^\w\- ]", "", self.title.lower()).replace(" ", "-")


def headings(text: str) -> list[Heading]:
    """All headings of a page, in its order; lines in fenced blocks are none."""
    return [Heading(len(marks), title) for marks, title in HEADING.findall(FENCED.sub("", text))]
