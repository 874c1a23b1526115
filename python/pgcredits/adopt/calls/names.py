"""What source text may call the tables, columns and functions of an older system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgcredits.adopt.compat.bodies import new_body
from pgcredits.adopt.plan.model import Balances
from pgcredits.adopt.source.vocabulary import plain
from pgcredits.adopt.source.writers import without_comments, writes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgcredits.adopt.plan.model import Part, Plan
    from pgcredits.adopt.source.catalog import Catalog, Function


@dataclass(frozen=True)
class OldTable:
    """A table that the plan reads, in its most telling role.

    Attributes:
        name: Without schema.
        full: With it.
        role: balances, history, refunds or tasks.
        close: What is refused after the cut-over: table, columns or nothing.
        credits: Its columns that hold balances.
        is_writable: Whether adopt compat leaves a view in its place that takes writes.
    """

    name: str
    full: str
    role: str
    close: str
    credits: tuple[str, ...] = ()
    is_writable: bool = False


@dataclass(frozen=True)
class OldColumn:
    """A column with a balance whose name is telling enough to be looked for alone."""

    name: str
    table: OldTable


@dataclass(frozen=True)
class OldFunction:
    """A function that reads or moves old credits.

    Attributes:
        name: Without schema.
        full: With it.
        arguments: Their names, as far as they have some.
        does: What compat's function of this name does; empty = there is none.
        is_writing: Whether it writes to what is closed.
    """

    name: str
    full: str
    arguments: tuple[str, ...]
    does: str
    is_writing: bool


Old = OldTable | OldColumn | OldFunction


@dataclass(frozen=True)
class Names:
    """All that is looked for."""

    tables: tuple[OldTable, ...]
    functions: tuple[OldFunction, ...]
    user_ids: str = "uuid"

    @cached_property
    def by_spelling(self) -> dict[str, list[Old]]:
        """What each spelling may stand for; balances come first."""
        found: dict[str, list[Old]] = {}
        for table in self.tables:
            for spelling in table_spellings(table.name):
                found.setdefault(spelling, []).append(table)
            if table.role == "balances":
                for column in table.credits:
                    for spelling in _column_spellings(column):
                        found.setdefault(spelling, []).append(OldColumn(column, table))
        for function in self.functions:
            for spelling in cases(function.name):
                found.setdefault(spelling, []).append(function)
        return found

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Any of the spellings, as a whole word."""
        longest_first = sorted(self.by_spelling, key=len, reverse=True)
        return re.compile(rf"(?<![\w$])(?:{_any_of(longest_first)})(?![\w$])")

    @cached_property
    def attributes(self) -> list[tuple[re.Pattern[str], OldColumn]]:
        """Columns called by an ordinary word, of something called as their table: user.credits."""
        return [
            (_attribute(table, column), OldColumn(column, table))
            for table in self.tables
            if table.role == "balances"
            for column in table.credits
            if not is_telling(column)
        ]

    def may_be_in(self, data: bytes) -> bool:
        """Whether a file may have any of the spellings; quick, and sometimes wrong."""
        text = squeezed(data)
        return any(
            stem in text and (not beside or any(one in text for one in beside))
            for stem, beside in self._stems
        )

    @cached_property
    def _stems(self) -> list[tuple[bytes, tuple[bytes, ...]]]:
        """Parts of names, and of which others one has to be in the same file."""
        found: dict[bytes, tuple[bytes, ...]] = {}
        for spelling, named in self.by_spelling.items():
            stem = squeezed(singular(spelling).encode())
            needed = [_beside(one) for one in named]
            found[stem] = () if () in needed else tuple({one for some in needed for one in some})
        return sorted(found.items())


def _attribute(table: OldTable, column: str) -> re.Pattern[str]:
    word = plain(table.name)
    forms = {form for one in (word, singular(word)) for form in (one, one.replace("_", ""))}
    return re.compile(
        rf"(?<![a-z0-9])(?:{_any_of(sorted(forms))})[?!]?(?:\.|->|\[['\"]){re.escape(column)}(?![\w(])",
        re.IGNORECASE,
    )


def _beside(old: Old) -> tuple[bytes, ...]:
    """What stands in the same file wherever this is listed; empty = nothing has to."""
    if isinstance(old, OldTable) and not is_telling(old.name) and old.close == "columns":
        return tuple(squeezed(column.encode()) for column in old.credits)
    return ()


def squeezed(data: bytes) -> bytes:
    """Text without underscores and capitals: userCredits, USER_CREDITS and user_credits alike."""
    return data.replace(b"_", b"").lower()


def names_of(catalog: Catalog, plan: Plan) -> Names:
    """What a plan reads, and the functions of its schemas that have to do with it."""
    tables: dict[str, OldTable] = {}
    for part in plan.parts:
        if part.role == "tasks" and part.close == "nothing":
            # The application goes on writing and reading it.
            continue
        # A table may be read in several roles: that of the balances decides.
        tables.setdefault(part.table, _table(part))
    found = []
    reads = re.compile(
        rf"(?<!\w)(?:{_any_of(one.name for one in tables.values())})(?!\w)", re.IGNORECASE
    )
    for function in catalog.functions:
        known = None if function.triggered_by else new_body(function, plan)
        is_writing = not function.triggered_by and writes(function, plan)
        if known or is_writing or _reads(function, reads):
            found.append(
                OldFunction(
                    name=function.name,
                    full=f"{function.schema}.{function.name}",
                    arguments=function.argument_names[: len(function.argument_types)],
                    does=known[0] if known else "",
                    is_writing=is_writing,
                )
            )
    return Names(tuple(tables.values()), tuple(found), plan.user_ids)


def _any_of(names: Iterable[str]) -> str:
    """A pattern of these names; of none it matches nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


def _reads(function: Function, tables: re.Pattern[str]) -> bool:
    return not function.triggered_by and bool(tables.search(without_comments(function.source)))


def _table(part: Part) -> OldTable:
    name = part.table.split(".", 1)[1]
    if not isinstance(part, Balances):
        return OldTable(name, part.table, part.role, part.close)
    held = tuple(one.column for one in part.buckets)
    return OldTable(name, part.table, part.role, part.close, held, part.writable)


# --- spellings ------------------------------------------------------------------------------------


def is_telling(name: str) -> bool:
    """Whether a name has several words, so that it stands for nothing else; or is an odd one."""
    return "_" in plain(name) or not name.isascii()


def table_spellings(name: str) -> set[str]:
    """As SQL has it, and as object mappers call it: userCredits, UserCredits, UserCredit."""
    word = plain(name)
    mapped = {form for one in (word, singular(word)) for form in (camel(one), _pascal(one))}
    return {*cases(name), *(one for one in mapped if one)}


def _column_spellings(name: str) -> set[str]:
    return {*cases(name), camel(name)} if is_telling(name) else set()


def cases(name: str) -> set[str]:
    """As it is, and as SQL takes it."""
    return {name, name.lower(), name.upper()}


def camel(name: str) -> str:
    """As JavaScript and Java spell it: userCredits."""
    first, *others = plain(name).split("_")
    return first + "".join(one.capitalize() for one in others)


def _pascal(name: str) -> str:
    return "".join(one.capitalize() for one in plain(name).split("_"))


def singular(word: str) -> str:
    """One of what a plural names, as far as English is regular."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
