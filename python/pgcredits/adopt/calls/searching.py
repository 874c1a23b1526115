"""Search source for the names of an older system, and say of each place what becomes of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcredits.adopt.calls.becoming import becomes
from pgcredits.adopt.calls.contexts import (
    AFTER,
    BEFORE,
    Use,
    is_idle,
    statement,
    use_of_column,
    use_of_function,
    use_of_table,
)
from pgcredits.adopt.calls.definitions import definitions
from pgcredits.adopt.calls.names import OldColumn, OldFunction, OldTable, camel, cases, is_telling
from pgcredits.adopt.calls.replacing import replacement
from pgcredits.adopt.calls.walking import PassedOver, decoded, files, is_marked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pgcredits.adopt.calls.names import Names, Old

#: A longer line was made by a program.
LONGEST_LINE = 5_000
_LONGEST_TEXT = 160


@dataclass(frozen=True)
class Place:
    """Where source names something old.

    Attributes:
        file: By its path from the searched folder.
        line: Its number.
        use: What is done there.
        what: OldTable, OldColumn or OldFunction.
        name: What is named, with its schema.
        columns: Balances that are named with it.
        text: The line.
        becomes: What becomes of it.
        instead: The call that replaces it; empty = the sentence says what does, if anything.
    """

    file: str
    line: int
    use: Use
    what: str
    name: str
    columns: tuple[str, ...]
    text: str
    becomes: str
    instead: str = ""


@dataclass(frozen=True)
class Search:
    """What was found.

    Attributes:
        places: By file and line.
        files: How many files were read.
        passed_over: Those that were not.
    """

    places: tuple[Place, ...]
    files: int
    passed_over: tuple[PassedOver, ...]

    @property
    def left(self) -> list[Place]:
        """The places at which something has to be done."""
        return [place for place in self.places if place.use is not Use.DEFINITION]

    @property
    def uses(self) -> Counter[Use]:
        """How many of each there are."""
        return Counter(place.use for place in self.places)


def search(top: Path, names: Names) -> Search:
    """Search a folder, or a file; nothing in it is run or written."""
    passed_over: list[PassedOver] = []
    places: list[Place] = []
    read = 0
    for name, data in files(top, passed_over):
        read += 1
        if is_marked(data) or names.may_be_in(data):
            places += _Source(name, decoded(data), names).places()
    return Search(tuple(places), read, tuple(passed_over))


class _Stretches:
    """Parts of a text, joined where they overlap."""

    def __init__(self, parts: Iterable[tuple[int, int]]) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in sorted(parts):
            if self._ends and begin <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def hold(self, at: int) -> bool:
        """Whether a place is in one of them."""
        before = bisect_right(self._begins, at) - 1
        return before >= 0 and at < self._ends[before]


class _Source:
    """The text of one file."""

    def __init__(self, file: str, text: str, names: Names) -> None:
        self._file = file
        self._text = text
        self._names = names
        self._defined = _Stretches(definitions(text) if file.lower().endswith(".sql") else [])
        self._line, self._begin, self._end = 1, 0, -1
        #: Where statements stand that name a table: a column in one is a part of it.
        self._statements: list[tuple[int, int]] = []

    def places(self) -> list[Place]:
        """All places of the file; of a line each name and use once."""
        found: dict[tuple[int, str, Use], tuple[int, Place]] = {}
        for begin, end, named in self._hits():
            self._go_to(begin)
            place = self._place(begin, end, named)
            if place is not None:
                found.setdefault((place.line, place.name, place.use), (begin, place))
        statements = _Stretches(self._statements)
        return [
            place
            for begin, place in found.values()
            if place.what != OldColumn.__name__ or not statements.hold(begin)
        ]

    def _hits(self) -> list[tuple[int, int, list[Old]]]:
        """Where something is named, and what that may be."""
        names = self._names
        hits = [
            (match.start(), match.end(), names.by_spelling[match[0]])
            for match in names.pattern.finditer(self._text)
        ]
        for pattern, column in names.attributes:
            hits += [
                (match.start(), match.end(), [column]) for match in pattern.finditer(self._text)
            ]
        return sorted(hits, key=lambda hit: hit[:2])

    def _go_to(self, at: int) -> None:
        """Find the line in which a place is; places come in order."""
        if at > self._end:
            begin = self._text.rfind("\n", 0, at) + 1
            self._line += self._text.count("\n", self._begin, begin)
            self._begin = begin
            end = self._text.find("\n", at)
            self._end = len(self._text) if end < 0 else end

    def _place(self, begin: int, end: int, named: list[Old]) -> Place | None:
        if self._end - self._begin > LONGEST_LINE:
            is_clear = any(is_telling(one.name) for one in named)
            return self._told(named[0], Use.GENERATED, begin) if is_clear else None
        if self._defined.hold(begin):
            return self._told(named[0], Use.DEFINITION, begin)
        if is_idle(self._text[self._begin : self._end]):
            return None
        before = self._text[max(0, begin - BEFORE) : begin]
        for old in named:
            place = self._used(old, begin, end, before)
            if place is not None:
                return place
        return None

    def _used(self, old: Old, begin: int, end: int, before: str) -> Place | None:
        if isinstance(old, OldFunction):
            use = use_of_function(
                before, self._text[end : end + AFTER], is_telling=is_telling(old.name)
            )
            instead = ""
            if use is Use.CALL:
                after = self._text[end : end + AFTER]
                instead = replacement(old, before, after, self._names.user_ids)
            return self._told(old, use, begin, instead=instead) if use else None
        after = statement(self._text, end)
        if isinstance(old, OldColumn):
            return self._told(old, use_of_column(before, after), begin, (old.name,))
        return self._used_table(old, begin, end, before, after)

    def _used_table(
        self, old: OldTable, begin: int, end: int, before: str, after: str
    ) -> Place | None:
        earlier = len(before) - len(re.split(r";|\n\s*\n", before)[-1])
        around = f"{before[earlier:]} {after}"
        columns = tuple(one for one in old.credits if _is_named(one, around))
        # Of an ordinary table, where only its credits are closed, nothing else is of interest.
        if old.close == "columns" and not is_telling(old.name) and not columns:
            return None
        spelling = self._text[begin:end]
        use = use_of_table(
            spelling,
            before,
            after,
            is_telling=is_telling(old.name),
            is_mapped=spelling not in cases(old.name),
        )
        if use is None:
            return None
        if use in (Use.READ, Use.WRITE):
            self._statements.append((begin - len(before) + earlier, end + len(after)))
        return self._told(old, use, begin, columns)

    def _told(
        self, old: Old, use: Use, at: int, columns: tuple[str, ...] = (), instead: str = ""
    ) -> Place:
        name = f"{old.table.full}.{old.name}" if isinstance(old, OldColumn) else old.full
        begin = max(self._begin, at - _LONGEST_TEXT // 2)
        return Place(
            file=self._file,
            line=self._line,
            use=use,
            what=type(old).__name__,
            name=name,
            columns=columns,
            text=self._text[begin : min(self._end, begin + _LONGEST_TEXT)].strip(),
            becomes=becomes(old, use),
            instead=instead,
        )


def _is_named(column: str, text: str) -> bool:
    return any(
        name in text and re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text)
        for name in {column, camel(column)}
    )
