"""The table "The life of a generation" of procedures/README.md, read as rules.

Nothing here knows what the rules say: only the phrases in which they are written. A phrase that is
not known is an error, so that the table cannot be reworded past this test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADING = "## The life of a generation"
EVENTS = ("submitted", "progress", "success", "failure", "cancel", "deadline")
STATUSES = ("pending", "processing", "succeeded", "failed", "timed_out", "cancelled")

# An en dash: the event does not come.
NOTHING = "\u2013"

# What a phrase means; what it names, if anything, is its group.
PHRASES = {
    r"→ (\w+)": "becomes",
    r"settle": "settles by price",
    r"settle by policy": "settles by policy",
    r"(\d+) %": "settles by percent",
    r"by `(\w+)`": "settles by type",
    r"(?:the )?difference back": "raises",
    r"its error replaces `(\w+)`": "replaces",
    r"replay": "replays",
    r"(PT\d+)": "refuses",
    r"event only|mapping stored|not applied": "keeps",
    r"cost booked": "books",
    r"alert `(\w+)`": "alerts",
    r"alert (?:if|after a) (refunded|success)": "alerts if",
}
CONDITIONS = (
    "same id",
    "other id",
    "lower final price",
    "more due by the failure's policy",
)


@dataclass(frozen=True)
class Effect:
    """One phrase."""

    kind: str
    names: str = ""


@dataclass(frozen=True)
class Branch:
    """What happens where a condition holds; the empty one always does."""

    condition: str
    effects: tuple[Effect, ...]


Rule = tuple[Branch, ...]
Table = dict[tuple[str, str], Rule]


def read_table(page: str) -> Table:
    """The rules by status and event; none where the cell is a dash.

    Args:
        page: The page's text.
    """
    _, found, below = page.partition(f"\n{HEADING}\n")
    assert found, f"the page has no heading {HEADING!r}"
    lines = [line for line in below.partition("\n#")[0].splitlines() if line.startswith("|")]
    head, _, *body = [
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
    ]
    assert tuple(head[1:]) == EVENTS, head

    table: Table = {}
    statuses = []
    for status, *cells in body:
        # A row about the columns, not about a status.
        if status.startswith("*"):
            continue
        statuses.append(status)
        for event, cell in zip(EVENTS, cells, strict=True):
            if cell != NOTHING:
                table[status, event] = parse_cell(cell)
    assert sorted(statuses) == sorted(STATUSES), statuses
    return table


def parse_cell(cell: str) -> Rule:
    """A cell: clauses between semicolons, each with or without the condition under which it holds.

    Those without one belong together.
    """
    branches: list[Branch] = []
    for clause in cell.split(";"):
        condition, rest = _condition(clause.strip())
        effects = [e for phrase in rest.split(", ") for e in _effects(phrase)]
        if not condition and branches:
            last = branches.pop()
            assert not last.condition, f"{clause!r} of {cell!r}: does it always hold?"
            effects = [*last.effects, *effects]
        branches.append(Branch(condition, tuple(effects)))
    return tuple(branches)


def _condition(clause: str) -> tuple[str, str]:
    if clause.startswith("else "):
        return "else", clause.removeprefix("else ")
    condition, colon, rest = clause.partition(": ")
    if not colon:
        return "", clause
    assert condition in CONDITIONS, f"unknown condition {condition!r}"
    return condition, rest


def _effects(phrase: str) -> list[Effect]:
    bare = phrase.removesuffix(" (applied)")
    applies = [Effect("applies")] if bare != phrase else []
    for pattern, kind in PHRASES.items():
        if match := re.fullmatch(pattern, bare):
            return [Effect(kind, "".join(match.groups())), *applies]
    raise AssertionError(f"the page's table says {phrase!r}: what does that mean?")
