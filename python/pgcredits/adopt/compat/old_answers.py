"""What an older system's function returned: fields and their expressions, found in its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.statements import between_commas, enclosed
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.source.catalog import Function

_RETURN = re.compile(
    r"\breturn\s+(?!next\b)(query\s+)?(?P<what>(?:'(?:[^']|'')*'|[^;'])+)", re.IGNORECASE
)
_REFUSES = re.compile(r"\bfalse\b|insufficient|not\s+enough|too\s+low", re.IGNORECASE)
_OBJECT = re.compile(r"^\(*\s*(?:pg_catalog\.)?jsonb?_build_object\s*\(", re.IGNORECASE)
_LIST = r"(?P<values>(?:'(?:[^']|'')*'|[^;'])*?)"
_NAMES = r"(?P<names>\w+(?:\s*,\s*\w+)*)"
_INTO = (
    re.compile(rf"\bselect\s+{_LIST}\binto\s+(?:strict\s+)?{_NAMES}", re.IGNORECASE),
    re.compile(rf"\breturning\s+{_LIST}\binto\s+(?:strict\s+)?{_NAMES}", re.IGNORECASE),
)
_CAST = re.compile(r"\s*::\s*[\w ]+(\(\s*\d+\s*(,\s*\d+\s*)?\))?(\[\])?$")
_MOST_STEPS = 10
#: A number or a text as it is written in a statement.
LITERAL = re.compile(r"^(-?\d+(\.\d+)?|'(?:[^']|'')*')$")


@dataclass(frozen=True)
class OldAnswer:
    """What a function returned, by its text."""

    function: Function

    @cached_property
    def _source(self) -> str:
        return without_comments(self.function.source)

    @cached_property
    def _returned(self) -> list[str]:
        if self.function.language == "sql":
            statements = [one.strip() for one in self._source.split(";") if one.strip()]
            return statements[-1:]
        return [found["what"].strip() for found in _RETURN.finditer(self._source)]

    def success(self) -> str:
        """What it returned at the end; empty where its text does not say."""
        told = [one for one in self._returned if not _REFUSES.search(self.resolved(one))]
        return (told or self._returned or [""])[-1]

    def refusal(self) -> str | None:
        """What it returned where the balance was too low; None where it did not return then."""
        said = next((one for one in self._returned if _REFUSES.search(one)), None)
        if said is None:
            # What it returned was set before, and depended on the balance.
            said = next((one for one in self._returned if self._may_refuse(one)), None)
        if said is None and any(self._may_refuse(name) for name, _ in self.function.outputs):
            return ""
        return said

    def no_number(self) -> str | None:
        """What it returned in place of a number where the balance was too low; None = it raised."""
        bare = {one.lower() for one in self._returned}
        if self.function.language == "sql":
            return "null" if re.search(r">=|<=", self._source) else None
        below = sorted(one for one in bare if re.fullmatch(r"-\d+", one))
        return "null" if "null" in bare else next(iter(below), None)

    def _may_refuse(self, what: str) -> bool:
        return any(
            re.fullmatch(r"[A-Za-z_]\w*", _bare(one))
            and _REFUSES.search(self.resolved(one, refuses=True))
            for one in self.values(what)
        )

    def values(self, what: str) -> list[str]:
        """The expressions that a statement returns, in their order."""
        listed = re.match(r"\(?\s*select\s+(?P<rest>.*)", what, re.IGNORECASE | re.DOTALL)
        if listed:
            return [_unnamed(one) for one in between_commas(before_word(listed["rest"], "from"))]
        changed = re.search(r"\breturning\s+(?P<rest>.*)", what, re.IGNORECASE | re.DOTALL)
        if changed:
            return [_unnamed(one) for one in between_commas(changed["rest"])]
        return [what.strip()]

    def fields(self, what: str, *, refuses: bool = False) -> list[tuple[str, str]] | None:
        """The keys and expressions of the object that a statement returns; None = it is none."""
        value = self.resolved(self.values(what)[0], refuses=refuses) if what else ""
        opened = _OBJECT.match(value)
        if not opened:
            return None
        parts = [one.strip() for one in between_commas(enclosed(value[opened.end() :]))]
        pairs = zip(parts[::2], parts[1::2], strict=False)
        return [(key[1:-1], value) for key, value in pairs if re.fullmatch(r"'[^']*'", key)]

    def resolved(self, expression: str, *, refuses: bool = False) -> str:
        """What a variable was last set to; any other expression without casts and qualifiers.

        Args:
            expression: What stands there.
            refuses: Whether it is returned where the balance is too low: of several values that a
                variable is set to, those that say so count, else the others.
        """
        value = _bare(expression)
        for _ in range(_MOST_STEPS):
            if not re.fullmatch(r"[A-Za-z_]\w*", value) or value.lower() in self._inputs:
                break
            found = list(self._settings(value))
            if not found:
                break
            value = _bare(self._fitting(found, refuses=refuses))
        return value

    def _fitting(self, found: list[tuple[int, str]], *, refuses: bool) -> str:
        """Of the values that a variable is set to, the last that goes with an answer."""
        fitting = [one for one in found if bool(_REFUSES.search(one[1])) == refuses] or found
        if len(fitting) > 1 and all(LITERAL.match(_bare(value)) for _, value in fitting):
            # A text stands beside what says whether it went well.
            word = "false" if refuses else "true"
            marks = [
                one.start() for one in re.finditer(rf":=\s*{word}\b", self._source, re.IGNORECASE)
            ]
            if marks:
                return min(fitting, key=lambda one: min(abs(one[0] - mark) for mark in marks))[1]
        return max(fitting)[1]

    @cached_property
    def _inputs(self) -> set[str]:
        return {name.lower() for _, name, _ in self.function.inputs}

    def _settings(self, name: str) -> Iterator[tuple[int, str]]:
        """Where a variable is set, and to what."""
        for one in re.finditer(rf"\b{name}\s*:=\s*(?P<value>[^;]+)", self._source, re.IGNORECASE):
            yield one.start(), one["value"]
        for one in re.finditer(rf"\bdiagnostics\s+{name}\s*:?=\s*row_count", self._source, re.I):
            yield one.start(), "row_count"
        for pattern in _INTO:
            for one in pattern.finditer(self._source):
                names = [each.strip().lower() for each in one["names"].split(",")]
                if name.lower() in names:
                    values = list(between_commas(before_word(one["values"], "from")))
                    place = names.index(name.lower())
                    if place < len(values):
                        yield one.start(), _unnamed(values[place])


def before_word(text: str, word: str) -> str:
    """The text up to a word that stands in no parentheses and no quotes."""
    depth, quoted = 0, False
    for found in re.finditer(rf"'|\(|\)|\b{word}\b", text, re.IGNORECASE):
        if found[0] == "'":
            quoted = not quoted
        elif not quoted:
            depth += (found[0] == "(") - (found[0] == ")")
            if depth == 0 and found[0].lower() == word:
                return text[: found.start()]
    return text


def _unnamed(expression: str) -> str:
    return re.sub(r"\s+as\s+\"?\w+\"?\s*$", "", expression.strip(), flags=re.IGNORECASE)


def _bare(expression: str) -> str:
    value = expression.strip()
    for _ in range(_MOST_STEPS):
        before = value
        value = _CAST.sub("", value).strip()
        if re.fullmatch(r"\(\s*[\w.]+\s*\)", value):
            value = value[1:-1].strip()
        first = re.fullmatch(r"coalesce\s*\((?P<all>.*)\)", value, re.IGNORECASE | re.DOTALL)
        if first and enclosed(first["all"] + ")") == first["all"]:
            value = next(between_commas(first["all"])).strip()
        if re.fullmatch(r"\"?\w+\"?\.\"?\w+\"?", value) and not re.match(r"\d", value):
            value = value.rpartition(".")[2]
        value = value.replace('"', "") if re.fullmatch(r"\"\w+\"", value) else value
        if value == before:
            break
    return value
