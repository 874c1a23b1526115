"""What the text of an older system's functions does to credits.

Nothing here understands SQL: these are patterns of what was seen in such systems.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.statements import (
    Assignment,
    between_commas,
    enclosed,
    inserted,
    mentions,
)
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function, Table

_NAMES_CREDITS = re.compile(r"credit|refund|balance|token|coin")
#: A lock, or the call of a helper that is called so.
_LOCKS = re.compile(r"for (no key )?update|pg_(try_)?advisory_(xact_)?lock|\block_\w+ ?\(")
_SELECT = r"select (?P<what>[^;]*?) from (\w+\.)?TABLE\b(?P<rest>[^;]*)"
#: Where a function runs text that format() made, %I or %s may stand for the table.
_UPDATE = (
    r"update (only )?(\w+\.)?(TABLE\b|%[is])(?P<set>.*?)(?P<where> where [^;]*|;|$)"
    r"|insert into (\w+\.)?TABLE\b[^;]* do update set (?P<upsert>.*?)( where |;|$)"
)
#: A variable that is set in a statement of its own, or by a query.
_SET_VARIABLE = (
    r"(^|;|\b(begin|then|else|loop|declare)\b) ?NAME( [\w(), ]+?)? ?(:=|=|\bdefault\b)"
    r" ?(?P<value>[^;]+)"
)
_SELECT_INTO = r"\bselect (?P<value>[^;]*?) into (strict )?NAME\b"
_INTO = r"\binto (strict )?(?P<names>\w+( ?, ?\w+)*)"
_SET_TO = r"(\bfor )?(?P<names>\w+) ?(:=|=|in) ?\(? ?$"
_INTEGERS = ("smallint", "integer", "bigint", "numeric")
#: An argument that tells one charge or payment from another.
_NAMES_ONE = re.compile(
    r"(^|_)(task|transaction|charge|generation|ref|reference|job|order|request|payment|intent"
    r"|session|event|external|invoice|key|id|prediction|enhancement)(_|$)"
)
_SAYS_WHAT = re.compile(r"(^|_)(type|kind|reason|description|name|status|text)(_|$)")


@dataclass(frozen=True)
class CreditCode:
    """The functions of an older system, and the tables that keep its credits."""

    catalog: Catalog
    plan: Plan

    @cached_property
    def tables(self) -> set[str]:
        """The names of the tables that keep credits, without schema, in lower case."""
        return {bare(part.table) for part in self.plan.parts}

    @cached_property
    def balances(self) -> dict[str, tuple[str, ...]]:
        """The columns that hold credits, by the name of their table."""
        return {
            bare(part.table): tuple(bucket.column.lower() for bucket in part.buckets)
            for part in self.plan.balances
            if not part.summed
        }

    @cached_property
    def bodies(self) -> list[Body]:
        """The bodies of all its functions."""
        return [Body(function, self) for function in self.catalog.functions]

    @cached_property
    def calls_to_change(self) -> re.Pattern[str]:
        """A call of a function that writes credits itself."""
        changing = {body.function.name.lower() for body in self.bodies if body.is_changing}
        return re.compile(rf"\b({'|'.join(map(re.escape, sorted(changing))) or '(?!)'}) ?\(")

    @cached_property
    def open_tables(self) -> list[str]:
        """The names of tables that keep credits and that anyone may write."""
        return [
            name
            for name, tables in self._by_name.items()
            if any(
                table.open_through(column for _, column in part.columns)
                for table in tables
                for part in self.plan.parts
                if bare(part.table) == name
            )
        ]

    @cached_property
    def _by_name(self) -> dict[str, list[Table]]:
        found: dict[str, list[Table]] = {}
        for table in self.catalog.tables:
            found.setdefault(table.name.lower(), []).append(table)
        return found

    def table(self, schema: str | None, name: str) -> Table | None:
        """The table that a statement names, where there is one."""
        named = self._by_name.get(name, [])
        return next((one for one in named if schema in (None, one.schema.lower())), None)


def bare(table: str) -> str:
    """A plan's table as text has it: without schema, in lower case."""
    return table.split(".", 1)[1].lower()


def _reads_balance(what: str, columns: tuple[str, ...]) -> bool:
    """Whether what a query selects has one of these columns."""
    what = what.replace("count(*)", "")
    return "*" in what or mentions(what, columns)


@dataclass(frozen=True)
class Body:
    """What one function does to credits."""

    function: Function
    code: CreditCode

    @cached_property
    def text(self) -> str:
        """Lower case, in one line, without comments and quotes around names."""
        bare = without_comments(self.function.source).lower().replace('"', "")
        return " ".join(bare.split())

    @cached_property
    def is_about_credits(self) -> bool:
        """Whether its name, its tables or its calls have to do with credits."""
        return bool(
            _NAMES_CREDITS.search(self.function.name)
            or any(re.search(rf"\b{re.escape(name)}\b", self.text) for name in self.code.tables)
            or self.calls_changing
        )

    @cached_property
    def assignments(self) -> list[Assignment]:
        """Balance columns that it updates, with what they are set to."""
        found = []
        for table, columns in self.code.balances.items():
            if not re.search(rf"\b{re.escape(table)}\b", self.text):
                continue
            for update in re.finditer(_UPDATE.replace("TABLE", re.escape(table)), self.text):
                settings = update["set"] or update["upsert"] or ""
                for part in between_commas(
                    settings.split(" returning ")[0].partition(" set ")[2] or settings
                ):
                    name, is_set, value = part.partition("=")
                    column = re.split(r"[ .]", name.strip(" :"))[-1]
                    if is_set and column in columns:
                        value = value.strip()
                        if value == f"excluded.{column}":
                            value = inserted(update[0], column)
                        begin = update.start()
                        found.append(
                            Assignment(
                                column,
                                value,
                                self._computed(value, begin),
                                begin,
                                update["where"] or "",
                            )
                        )
        return found

    def _computed(self, value: str, before: int) -> str:
        """What a variable was last set to; any other value as it is."""
        while re.fullmatch(r"[a-z_]\w*", value):
            found = [
                (set_to.start(), set_to["value"])
                for pattern in (_SET_VARIABLE, _SELECT_INTO)
                for set_to in re.finditer(pattern.replace("NAME", re.escape(value)), self.text)
                if set_to.start() < before
            ]
            if not found:
                break
            # Only what was set before that can stand in it.
            before, value = max(found)
            value = value.strip()
        return value

    @cached_property
    def balances_read(self) -> set[str]:
        """The variables that hold a balance which it selected, or what it computed from one."""
        return set().union(*(variables for _, variables in self._reads))

    @cached_property
    def _reads(self) -> list[tuple[re.Match[str], set[str]]]:
        """Queries that select a balance, and the variables that come of each."""
        return [
            (select, self._come_of(select))
            for table, columns in self.code.balances.items()
            for select in re.finditer(_SELECT.replace("TABLE", re.escape(table)), self.text)
            if _reads_balance(select["what"], columns)
        ]

    def _come_of(self, select: re.Match[str]) -> set[str]:
        """The variables into which a query selects, and those that are computed from these."""
        into = re.search(_INTO, select[0]) or re.search(_SET_TO, self.text[: select.start()])
        found = {name.strip() for name in into["names"].split(",")} if into else set()
        known: set[str] = set()
        while known != found:
            known = set(found)
            for one in re.finditer(_SET_VARIABLE.replace("NAME", r"(?P<name>\w+)"), self.text):
                if mentions(one["value"], known):
                    found.add(one["name"])
        return found

    @cached_property
    def is_changing(self) -> bool:
        """Whether it writes a table that keeps credits."""
        return bool(self.assignments) or any(
            re.search(
                rf"(insert into|update|delete from) (only )?(\w+\.)?{re.escape(name)}\b", self.text
            )
            for name in self.code.tables
        )

    @cached_property
    def calls_changing(self) -> bool:
        """Whether it calls a function that writes such a table."""
        called = self.code.calls_to_change.finditer(self.text)
        return any(call[1] != self.function.name.lower() for call in called)

    @cached_property
    def reads_first(self) -> bool:
        """Whether it selects a balance without a lock, and later writes it without a condition."""
        lock = _LOCKS.search(self.text)
        for select, variables in self._reads:
            if lock and lock.start() < select.end():
                continue
            if any(
                select.start() < one.at
                and not one.is_judged
                # What is set to something else altogether does not depend on what was read.
                and (not one.is_absolute or not variables or mentions(one.value, variables))
                for one in self.assignments
            ):
                return True
        return False

    @cached_property
    def is_refund(self) -> bool:
        """Whether it gives credits back."""
        return any(one.gives for one in self.assignments) and (
            "refund" in self.function.name.lower()
            or (bool(self.function.triggered_by) and bool(re.search("refund|fail", self.text)))
        )

    @property
    def is_about_failures(self) -> bool:
        """Whether it seems to act on work that failed."""
        return bool(re.search("refund|fail", self.function.name.lower() + self.text))

    def calls_of(self, other: Body) -> Iterator[list[str]]:
        """The arguments with which it calls another function, in the order of its inputs."""
        names = [name for name, _ in other.inputs]
        for call in re.finditer(rf"\b{re.escape(other.function.name.lower())} ?\(", self.text):
            values = dict.fromkeys(names, "")
            given = (one.strip() for one in between_commas(enclosed(self.text[call.end() :])))
            for place, argument in enumerate(given):
                named = re.fullmatch(r"(\w+) ?(?:=>|:=) ?(.*)", argument)
                if named:
                    values[named[1]] = named[2]
                elif place < len(names):
                    values[names[place]] = argument
            yield [self._computed(values[name], call.start()) for name in names]

    @cached_property
    def is_open(self) -> bool:
        """Whether anyone may move credits with it, by its owner's rights or by their own."""
        if self.function.triggered_by or not self.function.open_to:
            return False
        if not self.function.is_definer:
            return self.is_changing and any(
                re.search(rf"\b{re.escape(name)}\b", self.text) for name in self.code.open_tables
            )
        # A caller who can only take their own credits away harms nobody else.
        is_own = "auth.uid()" in self.text and not any(one.gives for one in self.assignments)
        return (self.is_changing or self.calls_changing) and not is_own

    @property
    def inputs(self) -> list[tuple[str, str]]:
        """Its arguments: name and type; those without a name as a text refers to them."""
        names = self.function.argument_names
        types = self.function.argument_types
        return [
            ((names[n].lower() if n < len(names) else "") or f"${n + 1}", type_)
            for n, type_ in enumerate(types)
        ]

    @cached_property
    def amounts(self) -> list[str]:
        """The names of numeric arguments that are added to something or taken from it."""
        return [
            name
            for name, type_ in self.inputs
            if type_ in _INTEGERS
            and re.search(rf"[-+] *(\w+\.)?{re.escape(name)}(?!\w)", self.text)
        ]

    @cached_property
    def names_one(self) -> bool:
        """Whether an argument tells one charge or payment from another."""
        return any(
            _NAMES_ONE.search(name) and not _SAYS_WHAT.search(name)
            for name in (plain(name) for name, _ in self.inputs if name not in self.amounts)
            if not vocabulary.USER_LIKE.search(name)
        )
