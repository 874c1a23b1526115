"""What the text of an older system's functions gives away.

Nothing here understands SQL: these are patterns of faults that were seen, in the code that has to
do with credits. Each finding names the function, for a person to look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function, Table, View

_NAMES_CREDITS = re.compile(r"credit|refund|balance|token|coin")
_SWALLOWED = re.compile(r"when others then(?P<body>.*?)(?=\bwhen\b|\bend\b(?! (?:if|loop|case)))")
_LOCKS = re.compile(r"for (no key )?update|pg_(try_)?advisory_(xact_)?lock")
_INSERT = re.compile(r"insert into ((?P<schema>\w+)\.)?(?P<table>\w+) *\((?P<columns>[\w, ]+)\)")
_SELECT = r"select (?P<what>[^;]*?) from (\w+\.)?TABLE\b(?P<rest>[^;]*)"
#: A table may be a format()'s argument.
_UPDATE = (
    r"update (only )?(\w+\.)?(TABLE\b|%[is])(?P<set>.*?)(?P<where> where [^;]*|;|$)"
    r"|insert into (\w+\.)?TABLE\b[^;]* do update set (?P<upsert>.*?)( where |;|$)"
)
_INTEGERS = ("smallint", "integer", "bigint", "numeric")
#: An argument that tells one charge or payment from another.
_NAMES_ONE = re.compile(
    r"(^|_)(task|transaction|charge|generation|ref|reference|job|order|request|payment|intent"
    r"|session|event|external|invoice|key|id|prediction|enhancement)(_|$)"
)
_SAYS_WHAT = re.compile(r"(^|_)(type|kind|reason|description|name|status|text)(_|$)")


def faults_in_code(catalog: Catalog, plan: Plan) -> Iterator[Fault]:
    """Faults that show in functions and views."""
    code = _Code(catalog, plan)
    for body in code.bodies:
        if body.is_about_credits:
            yield from _faults_of(body, code)
    yield from _ways_to_refund(code)
    for view in catalog.views:
        yield from _faults_of_view(view, code)


@dataclass(frozen=True)
class _Code:
    catalog: Catalog
    plan: Plan

    @cached_property
    def tables(self) -> set[str]:
        """The names of the tables that keep credits, without schema, in lower case."""
        return {_bare(part.table) for part in self.plan.parts}

    @cached_property
    def balances(self) -> dict[str, tuple[str, ...]]:
        """The columns that hold credits, by the name of their table."""
        return {
            _bare(part.table): tuple(bucket.column.lower() for bucket in part.buckets)
            for part in self.plan.balances
            if not part.summed
        }

    @cached_property
    def bodies(self) -> list[_Body]:
        return [_Body(function, self) for function in self.catalog.functions]

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
            if name in self.tables and any(table.open_to_all for table in tables)
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


def _bare(table: str) -> str:
    """A plan's table as text has it: without schema, in lower case."""
    return table.split(".", 1)[1].lower()


@dataclass(frozen=True)
class _Assignment:
    """A balance that is set, where, and under which condition."""

    column: str
    value: str
    at: int
    where: str

    @property
    def is_absolute(self) -> bool:
        return not re.search(rf"\b{re.escape(self.column)}\b", self.value)

    @property
    def gives(self) -> bool:
        return bool(re.search(r"\+ *(\w|\(|\$)", self.value))

    @property
    def is_judged(self) -> bool:
        """Whether the row itself must have as much: then nothing can come in between."""
        return not self.is_absolute and bool(
            re.search(
                rf"\b{re.escape(self.column)}\b *>=?|<=? *(\w+\.)?{self.column}\b", self.where
            )
        )


def _parts(text: str) -> Iterator[str]:
    """What stands between commas that no parentheses enclose."""
    depth, begin = 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[begin:at]
            begin = at + 1
    yield text[begin:]


@dataclass(frozen=True)
class _Body:
    function: Function
    code: _Code

    @cached_property
    def text(self) -> str:
        """Lower case, in one line, without comments and quotes around names."""
        bare = without_comments(self.function.source).lower().replace('"', "")
        return " ".join(bare.split())

    @cached_property
    def is_about_credits(self) -> bool:
        return bool(
            _NAMES_CREDITS.search(self.function.name)
            or any(re.search(rf"\b{re.escape(name)}\b", self.text) for name in self.code.tables)
            or self.calls_changing
        )

    @cached_property
    def assignments(self) -> list[_Assignment]:
        """Balance columns that it updates, with what they are set to."""
        found = []
        for table, columns in self.code.balances.items():
            if not re.search(rf"\b{re.escape(table)}\b", self.text):
                continue
            for update in re.finditer(_UPDATE.replace("TABLE", re.escape(table)), self.text):
                settings = update["set"] or update["upsert"] or ""
                for part in _parts(
                    settings.split(" returning ")[0].partition(" set ")[2] or settings
                ):
                    name, is_set, value = part.partition("=")
                    column = re.split(r"[ .]", name.strip(" :"))[-1]
                    if is_set and column in columns:
                        found.append(
                            _Assignment(
                                column, value.strip(), update.start(), update["where"] or ""
                            )
                        )
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
        """Whether it calls a function that does."""
        called = self.code.calls_to_change.finditer(self.text)
        return any(call[1] != self.function.name.lower() for call in called)

    @cached_property
    def reads_first(self) -> bool:
        """Whether it selects a balance without a lock, and writes it later without a look."""
        judged = [one.at for one in self.assignments if not one.is_judged]
        lock = _LOCKS.search(self.text)
        for table, columns in self.code.balances.items():
            reads = re.compile(_SELECT.replace("TABLE", re.escape(table)))
            for select in reads.finditer(self.text):
                what = select["what"].replace("count(*)", "")
                is_read = "*" in what or any(re.search(rf"\b{c}\b", what) for c in columns)
                is_locked = lock and lock.start() < select.end()
                if is_read and not is_locked and any(select.start() < at for at in judged):
                    return True
        return False

    @cached_property
    def is_refund(self) -> bool:
        """Whether it gives credits back."""
        return any(one.gives for one in self.assignments) and (
            "refund" in self.function.name.lower()
            or (bool(self.function.triggered_by) and "refund" in self.text)
        )

    @cached_property
    def is_open(self) -> bool:
        """Whether anyone may move credits with it, by its owner's rights or by their own."""
        if self.function.triggered_by or not self.function.open_to:
            return False
        if not self.function.is_definer:
            return self.is_changing and any(
                re.search(rf"\b{re.escape(name)}\b", self.text) for name in self.code.open_tables
            )
        # Their own, and only away.
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
        """Numbers among them that are added or taken."""
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


def _faults_of(body: _Body, code: _Code) -> Iterator[Fault]:
    function, text = body.function, body.text
    where = str(function)

    def fault(number: str, severity: Severity, title: str, detail: str) -> Fault:
        return Fault(number, severity, title, where, detail)

    if body.is_open:
        yield fault(
            "L4",
            Severity.ERROR,
            "anyone may move credits",
            f"EXECUTE is granted to {', '.join(function.open_to)}",
        )
    if function.is_definer and not function.has_search_path:
        yield fault(
            "L20",
            Severity.ERROR,
            "security definer without search_path",
            "whoever can create objects decides which tables it means",
        )
    absolute = [one for one in body.assignments if one.is_absolute]
    if body.reads_first:
        yield fault(
            "L1",
            Severity.ERROR,
            "reads a balance and writes it without a lock",
            "two calls at once both pass the check",
        )
        if (
            "not found" not in text
            and not re.search(r"\bis null\b|coalesce\(", text)
            and (re.search(r"if \w+ < \w+ then", text))
        ):
            yield fault(
                "L8",
                Severity.ERROR,
                "a missing row passes the check",
                "null < credits is not true",
            )
    elif absolute and re.search(r"allowance|reset|month", function.name + text):
        yield fault(
            "L2",
            Severity.ERROR,
            "sets a balance to an absolute value",
            f"{absolute[0].column} = {absolute[0].value}: what is spent meanwhile comes back",
        )
    if any(vocabulary.PURCHASED.search(one.column) and one.value.isdigit() for one in absolute):
        yield fault("L13", Severity.ERROR, "wipes purchased credits", "it sets them to a number")
    for name in body.amounts if function.is_reachable else ():
        amount = re.escape(name)
        if body.assignments and not re.search(
            rf"{amount}(, *\d+\))? *(<=?|>=?) *[01]\b|\b[01] *(<=?|>=?) *{amount}\b"
            rf"|{amount} (not )?between\b|(abs|greatest)\(({amount}|\d+, *{amount})",
            text,
        ):
            yield fault("L14", Severity.ERROR, "takes negative amounts", f"{name} is not judged")
    for handler in _SWALLOWED.finditer(text):
        # Who notes it somewhere does not hide it.
        if not re.search(r"\b(raise|perform|insert|call|sqlerrm|stacked)\b", handler["body"]):
            yield fault("L15", Severity.ERROR, "hides every error", "when others, and no raise")
            break
    yield from _faults_of_refund(body, code)
    if (
        re.search(r"purchase|topup|top_up|add_.*credit|grant", function.name)
        and any(one.gives for one in body.assignments)
        and not body.names_one
        and not function.triggered_by
    ):
        yield fault(
            "L13",
            Severity.ERROR,
            "a payment told twice is paid twice",
            "it takes nothing that tells one payment from another",
        )
    for insert in _INSERT.finditer(text):
        table = code.table(insert["schema"], insert["table"])
        named = [name.strip() for name in insert["columns"].split(",")]
        known = {column.name.lower() for column in table.columns} if table else set()
        missing = [name for name in named if table and name and name not in known]
        if missing:
            yield fault(
                "L11",
                Severity.ERROR,
                "writes a column that does not exist",
                f"{insert['table']}.{missing[0]}",
            )


def _faults_of_refund(body: _Body, code: _Code) -> Iterator[Fault]:
    if not body.is_refund:
        return
    function = body.function
    where = str(function)
    given = {one.column for one in body.assignments}
    buckets = {column for columns in code.balances.values() for column in columns}
    if len(buckets) > 1 and given < buckets:
        yield Fault(
            "L5",
            Severity.ERROR,
            "refunds into one bucket, whatever paid",
            where,
            f"only into {', '.join(sorted(given))}",
        )
    if any(re.search(r"\+ *\d+\b", one.value) for one in body.assignments):
        yield Fault("L12", Severity.ERROR, "refunds a fixed number", where, "whatever was charged")
    if not body.names_one and not function.triggered_by:
        yield Fault(
            "L3",
            Severity.ERROR,
            "a refund that names no charge",
            where,
            "called twice, it pays twice",
        )


def _ways_to_refund(code: _Code) -> Iterator[Fault]:
    ways = sorted(str(body.function) for body in code.bodies if body.is_refund)
    if len(ways) > 1:
        yield Fault(
            "L3",
            Severity.ERROR,
            f"{len(ways)} ways to refund, none of which knows of the others",
            ", ".join(ways),
            "the same failure may be refunded by each",
        )


def _faults_of_view(view: View, code: _Code) -> Iterator[Fault]:
    text = " ".join(view.definition.lower().replace('"', "").split())
    tasks = [_bare(part.table) for part in code.plan.tasks]
    history = [_bare(part.table) for part in code.plan.history]
    names_tasks = any(re.search(rf"\b{re.escape(name)}\b", text) for name in tasks)
    names_history = any(re.search(rf"\b{re.escape(name)}\b", text) for name in history)
    if names_tasks and names_history and " join " in text and "count(*)" in text:
        yield Fault(
            "L7",
            Severity.WARNING,
            "counts after a join that may double rows",
            str(view),
            "a task with two transactions counts twice",
        )
    if names_tasks and re.search(r"/ \(?count\(\*\)", text) and "filter" in text:
        yield Fault(
            "L16",
            Severity.WARNING,
            "a rate over all tasks, running ones, too",
            str(view),
            "a task that runs counts as a failure",
        )
    if names_tasks and "failed" in text and "refund" in view.name and "refund" not in text:
        yield Fault(
            "L17",
            Severity.WARNING,
            "lists failures without asking whether they were refunded",
            str(view),
            "whoever pays by it pays again",
        )
