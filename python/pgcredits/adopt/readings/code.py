"""What an older system's functions, triggers, views and comments say of its columns of credits.

Patterns of what was seen in such systems, as in inspect.function_bodies: nothing understands SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.function_bodies import Body, CreditCode
from pgcredits.adopt.inspect.statements import between_commas
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

#: An allowance is set; what is left of it moves.
_RESETS = re.compile(r"reset|renew|refill|month|allowance|plan")
_READ_INTO = re.compile(
    r"select (?P<what>[^;]*?) into (strict )?(?P<names>[\w, ]+?) from"
    r"|select (?P<what2>[^;]*?) from [^;]*? into (strict )?(?P<names2>[\w, ]+?) *;"
)
_SET = re.compile(r"\b(?P<name>\w+) *:= *(?P<value>[^;]+);")
_NEW_ROW = re.compile(r"\bnew\.(?P<name>\w+) *:?= *(?P<value>[^;]+);")
_INCLUDES = re.compile(r"includ|total|sum of|of which|altogether|plus|both|combined")
_IS_PART = re.compile(r"included in|part of|of which|contained in|counted in|within")
_APART = re.compile(r"in addition|on top of|not included|separate|besides|exclud|without")
_IS_LEFT = re.compile(r"\bleft\b|remain|still|unspent|balance|available")
_IS_PROMISED = re.compile(r"allowance|quota|each month|per month|every month|granted|entitle")


@dataclass
class Said:
    """What code and comments say of the columns of one table, and where they say so.

    Attributes:
        includes: Pairs of a total and its part.
        apart: Pairs of columns that add up.
        allowances: Columns that say what a month brings, and hold nothing.
        balances: Columns that hold what is left.
    """

    includes: dict[tuple[str, str], str] = field(default_factory=dict)
    apart: dict[frozenset[str], str] = field(default_factory=dict)
    allowances: dict[str, str] = field(default_factory=dict)
    balances: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Change:
    """A column that moves by an amount; or one that is set, where by is None."""

    column: str
    by: str | None
    value: str


def what_code_says(catalog: Catalog, plan: Plan) -> dict[str, Said]:
    """What is said of the buckets of a plan, by their table; its words are in lower case."""
    code = CreditCode(catalog, plan)
    names = {part.table for part in plan.balances if not part.summed}
    return {name: _Reader(catalog.tables_by_name[name], code).said() for name in sorted(names)}


class _Reader:
    def __init__(self, table: Table, code: CreditCode) -> None:
        self._table = table
        self._code = code
        self._columns = {
            bucket.column.lower(): bucket.column
            for part in code.plan.balances
            if part.table == str(table)
            for bucket in part.buckets
        }
        self._by_rule: dict[tuple[str, str], str] = {}
        self._together: dict[tuple[str, str], str] = {}
        self._alone: dict[frozenset[str], str] = {}
        self._sums: dict[frozenset[str], str] = {}
        self._found = Said()

    def said(self) -> Said:
        for body in self._code.bodies:
            if re.search(rf"\b{re.escape(self._table.name.lower())}\b", body.text) or (
                str(self._table) in body.function.triggered_by
            ):
                self._look_at(body)
        for view in self._code.catalog.views:
            text = " ".join(view.definition.lower().replace('"', "").split())
            if re.search(rf"\b{re.escape(self._table.name.lower())}\b", text):
                self._look_for_sums(bare_names(text), str(view))
        for column in self._table.columns:
            if column.name in self._columns.values():
                self._look_at_rule(column.name, column.generated, f"{column.name} is generated")
                self._look_at_comment(column.name, column.comment.lower())
                self._look_at_what_is_not_computed(column)
        self._weigh()
        return self._found

    def _look_at(self, body: Body) -> None:
        where = str(body.function)
        known = _values(body.text)
        statements: dict[int, list[_Change]] = {}
        for one in body.assignments:
            value = _put_in(bare_names(one.value), known)
            statements.setdefault(one.at, []).append(_change(one.column, value))
        changes = [change for found in statements.values() for change in found]
        for found in statements.values():
            self._look_at_pairs(found, where)
        if not re.search(r"\b(else|elsif|when)\b", body.text):
            self._look_at_pairs(changes, where)
        self._look_at_singles(changes, body)
        for change in changes:
            if change.by is None:
                self._look_at_rule(self._columns[change.column], change.value, where)
                self._look_at_reset(change, body)
        for new in _NEW_ROW.finditer(body.text) if body.function.triggered_by else ():
            if new["name"] in self._columns:
                self._look_at_rule(self._columns[new["name"]], bare_names(new["value"]), where)
        assigned = re.sub(r"\bset .*?( where |;|$)", " ; ", body.text)
        self._look_for_sums(_put_in(bare_names(assigned), known), where)

    def _look_at_pairs(self, changes: list[_Change], where: str) -> None:
        for one, other in permutations(changes, 2):
            total, part = self._columns[one.column], self._columns[other.column]
            if one.by and one.by == other.by and _may_include(total, part):
                self._together[total, part] = f"{where} changes both by the same amount"

    def _look_at_singles(self, changes: list[_Change], body: Body) -> None:
        moved = {change.column for change in changes}
        for change in changes:
            if change.by is None:
                continue
            name = self._columns[change.column]
            # A sum of all credits ever, or a limit, only grows.
            if change.by.startswith("-") or not vocabulary.needs_showing(plain(name)):
                self._found.balances[name] = f"{body.function} moves it"
            others = [real for word, real in self._columns.items() if word not in moved]
            if not is_generic(name) and not body.calls_changing:
                for other in filter(is_generic, others):
                    pair = frozenset((name, other))
                    self._alone[pair] = f"{body.function} changes {name} alone"

    def _look_at_reset(self, change: _Change, body: Body) -> None:
        if _RESETS.search(body.function.name.lower()):
            for name in self._named(change.value):
                if vocabulary.UNSURE.match(plain(name)):
                    self._found.allowances[name] = f"{body.function} fills up by it"

    def _look_at_rule(self, total: str, value: str, where: str) -> None:
        named = self._named(bare_names(value.lower()))
        if total in named or "+" not in value:
            return
        for part in named:
            if _may_include(total, part):
                self._by_rule[total, part] = f"{where}: {total} = {' '.join(value.split())}"

    def _look_at_what_is_not_computed(self, column: Column) -> None:
        """A balance of which another is not computed is none of its parts."""
        named = self._named(bare_names(column.generated.lower()))
        for other in self._columns.values() if column.generated else ():
            if other not in (column.name, *named) and not vocabulary.needs_showing(plain(other)):
                pair = frozenset((column.name, other))
                self._sums[pair] = f"{column.name} is generated without {other}"

    def _named(self, text: str) -> list[str]:
        return [name for word, name in self._columns.items() if _has(text, word)]

    def _look_for_sums(self, text: str, where: str) -> None:
        for one, other in permutations(self._columns, 2):
            if re.search(rf"\b{re.escape(one)} \+ {re.escape(other)}\b", text):
                pair = frozenset((self._columns[one], self._columns[other]))
                self._sums[pair] = f"{where} adds them"
            total, part = self._columns[one], self._columns[other]
            is_taken = re.search(rf"\b{re.escape(one)} - {re.escape(other)}\b", text)
            if is_taken and _may_include(total, part):
                self._by_rule[total, part] = f"{where} takes {part} from {total}"

    def _look_at_comment(self, name: str, comment: str) -> None:
        if not comment:
            return
        where = f"the comment of {name} says so"
        others = [one for one in self._columns.values() if one != name]
        for other in others:
            is_told = _has(comment, other.lower()) or self._describes(comment, other)
            if not is_told:
                continue
            if _APART.search(comment):
                self._sums[frozenset((name, other))] = where
            elif _IS_PART.search(comment) and is_generic(other):
                self._by_rule[other, name] = where
            elif _INCLUDES.search(comment) and is_generic(name):
                self._by_rule[name, other] = where
        if vocabulary.UNSURE.match(plain(name)):
            if _IS_LEFT.search(comment):
                self._found.balances[name] = where
            elif _IS_PROMISED.search(comment):
                self._found.allowances[name] = where

    def _describes(self, comment: str, other: str) -> bool:
        for words in (vocabulary.PURCHASED, vocabulary.MONTHLY):
            if words.search(plain(other)) and not is_generic(other):
                return bool(words.search(comment))
        return False

    def _weigh(self) -> None:
        """A rule says more than two changes by one amount, and these more than one alone."""
        found = self._found
        found.includes.update(
            {
                (total, part): where
                for (total, part), where in self._by_rule.items()
                if part not in found.allowances or part in found.balances
            }
        )
        for (total, part), where in self._together.items():
            pair = frozenset((total, part))
            # What only grows is a sum of all that ever came.
            is_held = is_generic(total) or total in found.balances
            if is_held and (part, total) not in found.includes and pair not in self._alone:
                found.includes[total, part] = where
        included = {frozenset(pair) for pair in found.includes}
        disputed = {frozenset(pair) for pair in self._together}
        for pair, where in {**self._alone, **self._sums}.items():
            if pair not in included and (pair in self._sums or pair not in disputed):
                found.apart[pair] = where
        for (total, part), where in self._by_rule.items():
            if (total, part) in found.includes and not vocabulary.needs_showing(plain(part)):
                found.balances.setdefault(total, where)
        for total, part in found.includes:
            found.balances.setdefault(part, f"it is part of {total}")
        for name in set(found.allowances) & set(found.balances):
            del found.allowances[name]


def _may_include(total: str, part: str) -> bool:
    """Whether names allow that one column includes another."""
    is_total = is_generic(total) or bool(vocabulary.TOTAL.match(plain(total)))
    return is_total and not is_generic(part)


def is_generic(name: str) -> bool:
    """Whether a column's name says nothing of its credits: it may hold all of a user's."""
    return bool(vocabulary.ALL_CREDITS.match(plain(name)))


def bare_names(text: str) -> str:
    """An expression without aliases of tables, casts, and what stands for null or less than 0."""
    text = re.sub(r"::[\w ]+?(?=[^\w ]|$| (from|where|into|as)\b)", "", text)
    text = re.sub(r"\b\w+\.(?=[a-z_])", "", text)
    for _ in range(3):
        text = re.sub(r"\bcoalesce ?\( ?(\w+) ?, ?0 ?\)", r"\1", text)
        text = re.sub(r"\bgreatest ?\( ?0 ?, ?([^(),]+)\)", r"\1", text)
        text = re.sub(r"\bgreatest ?\(([^(),]+), ?0 ?\)", r"\1", text)
        text = re.sub(r"(?<!\w)(?<!\w )\(([^(),]+)\)", r"\1", text)
    text = re.sub(r" *([+*/-]) *", r" \1 ", text)
    return " ".join(text.split())


def _values(text: str) -> dict[str, str]:
    """What a body's variables stand for: the columns that were read into them, or a value."""
    known: dict[str, str] = {}
    for statement in text.split(";"):
        found = _READ_INTO.search(f"{statement};") if " into " in statement else None
        if found is None:
            continue
        what = found["what"] or found["what2"]
        names = (found["names"] or found["names2"]).split(",")
        for name, value in zip(names, between_commas(what), strict=False):
            known[name.strip()] = bare_names(value)
    for found in _SET.finditer(text):
        if "." not in found["name"]:
            known.setdefault(found["name"], bare_names(found["value"]))
    return known


def _put_in(text: str, known: dict[str, str]) -> str:
    """A text with what its variables stand for."""
    for _ in range(2):
        text = re.sub(
            r"\b[a-z_]\w*\b",
            lambda name: (
                known.get(name[0], name[0])
                if not re.search(rf"\b{re.escape(name[0])}\b", known.get(name[0], ""))
                else name[0]
            ),
            text,
        )
    return text


def _change(column: str, value: str) -> _Change:
    """How an assignment changes its column."""
    moved = re.fullmatch(rf"{re.escape(column)} (?P<sign>[+-]) (?P<by>.+)", value)
    if moved:
        return _Change(column, f"{moved['sign']} {moved['by']}", value)
    added = re.fullmatch(rf"(?P<by>.+) \+ {re.escape(column)}", value)
    return _Change(column, f"+ {added['by']}" if added else None, value)


def _has(text: str, word: str) -> bool:
    return bool(re.search(rf"\b{re.escape(word)}\b", text))


def contradictions(
    said: Said, adding: set[str], parts: dict[str, tuple[str, ...]]
) -> Iterator[str]:
    """What code says against a reading: the columns that add up, and those that each includes."""
    included = {name for of in parts.values() for name in of}
    for (total, part), where in said.includes.items():
        if total in adding and part in adding:
            yield f"{total} includes {part}: {where}"
        elif part in adding:
            yield f"{part} is only a part of {total}: {where}"
    for pair, where in said.apart.items():
        if len(pair & adding) == 1:
            yield f"{' and '.join(sorted(pair))} add up: {where}"
    for name, where in said.allowances.items():
        if name in adding:
            yield f"{name} is an allowance: {where}"
    for name, where in said.balances.items():
        if name not in adding and name not in included:
            yield f"{name} is a balance: {where}"
