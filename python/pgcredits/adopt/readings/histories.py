"""The plausible readings of histories: signs, rows that did not happen, and what they explain."""

from __future__ import annotations

from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pgcredits.adopt.readings.against_history import month_of
from pgcredits.adopt.readings.trying import Movement
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import History, Plan

    #: For each history of a plan the words of its status, the most frequent first.
    Words = dict[str, tuple[str, ...]]

_MOST_MOVEMENTS = 32


def movements(plan: Plan, words: Words, *, by: str = "") -> tuple[Movement, ...]:
    """Every plausible reading of all histories together, the likeliest first.

    Args:
        plan: The histories.
        words: The words of the status of each.
        by: sum: also of histories that show the balance after each row.
    """
    variants = [tuple(_variants(history, words)) for history in plan.history]
    found: list[Movement] = []
    for histories in _combined(variants):
        stepped = [one for _, one in histories if one.after]
        if not stepped or by == "sum":
            found.append(Movement(histories))
        elif len(histories) == 1:
            found.append(Movement(histories, "last"))
    return tuple(found[:_MOST_MOVEMENTS])


def month_movements(plan: Plan, words: Words) -> tuple[Movement, ...]:
    """Every plausible reading of one history that tells what became of monthly credits."""
    if month_of(plan) is None:
        return ()
    return tuple(
        Movement(((place, replace(one, explains="month")),), "month")
        for place, history in enumerate(plan.history)
        for one in _variants(history, words)
        if one.at
    )


def _combined(
    variants: list[tuple[History, ...]],
) -> Iterator[tuple[tuple[int, History], ...]]:
    """All histories or fewer, each read in one of its ways; the likeliest first."""
    chosen = [
        tuple(zip(places, ways, strict=True))
        for size in range(len(variants), 0, -1)
        for places in combinations(range(len(variants)), size)
        for ways in product(*(range(len(variants[place])) for place in places))
    ]
    for one in sorted(chosen, key=lambda pairs: sum(way for _, way in pairs)):
        yield tuple((place, variants[place][way]) for place, way in one)


def _variants(history: History, words: Words) -> Iterator[History]:
    """The readings of one history, the likeliest first."""
    seen = []
    for sign, void, dead in product(
        _signs(history), _voids(history, words), dict.fromkeys((history.dead, ""))
    ):
        one = signed(replace(history, void=void, dead=dead), sign)
        if one not in seen and vocabulary.UNKNOWN not in one.kinds.values():
            seen.append(one)
    yield from seen


def signed(history: History, sign: Any) -> History:
    """A history with the sign from elsewhere: where kinds give it, each word must have a meaning.

    Where amounts have their sign, a word that nobody knows may stay other.
    """
    if sign == history.sign:
        return history
    one, other = ("other", vocabulary.UNKNOWN)
    if sign == "stored":
        one, other = other, one
    kinds: dict[str, Any] = {
        word: other if meaning == one else meaning for word, meaning in history.kinds.items()
    }
    return replace(history, sign=sign, kinds=kinds)


def _signs(history: History) -> tuple[str, ...]:
    if history.sign == "columns" or not history.kind:
        return (history.sign,)
    return tuple(dict.fromkeys((history.sign, "stored", "kind", "both")))


def _voids(history: History, words: Words) -> Iterator[tuple[str, ...]]:
    """Which words of its status mean that a row did not happen, the likeliest first."""
    if not history.status:
        yield history.void
        return
    listed = words.get(history.table, ())
    failed = tuple(word for word in listed if plain(word) in vocabulary.VOID)
    strange = tuple(
        word
        for word in listed
        if plain(word) not in vocabulary.VOID and plain(word) not in vocabulary.HAPPENED
    )
    yield failed
    if strange:
        yield failed + strange
        for word in strange if len(strange) > 1 else ():
            yield (*failed, word)
    yield ()
