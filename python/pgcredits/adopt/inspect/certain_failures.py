"""Functions that fail whenever they come to a statement, which some of them hide (L11).

They write a column that does not exist, or a name in them is both a column and a variable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.inspect.statements import between_commas

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgcredits.adopt.inspect.function_bodies import Body, CreditCode
    from pgcredits.adopt.source.catalog import Table

_INSERT = re.compile(r"insert into ((?P<schema>\w+)\.)?(?P<table>\w+) *\((?P<columns>[\w, ]+)\)")
_UPDATE = re.compile(
    r"\bupdate (only )?((?P<schema>\w+)\.)?(?P<table>\w+)( as)?( (?!set\b)\w+)? set"
    r" (?P<settings>.*?)(?= where | from | returning |;|$)"
)
_ROW = re.compile(r"\b(?:new|old)\.(?P<column>\w+)")
_ALIASED = re.compile(
    r"\b(?:from|join|update)(?: only)? ((?P<schema>\w+)\.)?(?P<table>\w+)(?: as)?"
    r"(?: (?!(?:where|set|on|join|left|inner|right|full|cross|order|group|for|limit|using|returning"
    r"|union|natural|loop)\b)(?P<alias>\w+))?"
)
_QUALIFIED = re.compile(r"(?<![\w.])(?P<table>\w+)\.(?P<column>\w+)(?![\w.]| ?\()")
#: A condition that begins with a bare name.
_CONDITION = re.compile(
    r"\b(?:where|and|or) (?P<column>[a-z_]\w*)(?= ?(?:=|<|>|is |in ?\(|between ))"
)
#: Signs that a bare name may be a column of something else.
_SEVERAL = re.compile(r"\bwith\b|\( ?select|\bfrom [\w.]+( as)?( \w+)? ?,")
_SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "tableoid", "found"}

_DECLARED = re.compile(r"\bdeclare (?P<variables>.*?)\bbegin\b")
_STATEMENT = re.compile(r"\b(select|perform|with|insert into|delete from|update (?!set\b)).*")
_TABLES_READ = re.compile(
    r"(?<!delete )\b(?:from|join|update|using)(?: only)? ((?P<schema>\w+)\.)?(?P<table>\w+)"
    r"|\bdelete from (?:only )?((?P<schema2>\w+)\.)?(?P<table2>\w+)"
)
_INSERTED = re.compile(
    r"insert into (?:only )?((?P<schema>\w+)\.)?(?P<table>\w+)"
    r"(?P<rest>.*?)(?P<after>on conflict \(.*| returning .*|$)"
)
#: Where a name stands that is no expression: targets, labels, names of arguments.
_TARGETS = re.compile(
    r"(?<!insert )\binto (strict )?\w+(\.\w+)?( ?, ?\w+(\.\w+)?)*"
    r"|(?:\bset|,) \w+ = |\bas \w+|\b\w+ ?(:=|=>)|\b(order|group) by [^;)]*"
    r"|\binsert into [\w.]+ ?\([^)]*\)"
)


def certain_failures(body: Body, code: CreditCode) -> Iterator[Fault]:
    """Statements that cannot succeed."""
    missing = dict.fromkeys(
        f"{table.name.lower()}.{column}"
        for table, column in _written(body, code)
        if column not in _columns(table)
    )
    if missing:
        yield _error(body, "writes a column that does not exist", ", ".join(missing))
    text = re.sub(r"'(?:[^']|'')*'", "''", body.text)
    statements = [
        statement[0] for part in text.split(";") if (statement := _STATEMENT.search(part))
    ]
    unknown = [name for one in statements for name in _unknown(one, body, code)]
    unknown = list(dict.fromkeys((*unknown, *_unknown_of_rows(body, code))))
    if unknown:
        yield _error(body, "names a column that does not exist", ", ".join(unknown))
    ambiguous = sorted({name for one in statements for name in _ambiguous(one, body, code)})
    if ambiguous:
        yield _error(
            body, "always fails: a name is both a column and a variable", ", ".join(ambiguous)
        )


def _error(body: Body, title: str, detail: str) -> Fault:
    return Fault("L11", Severity.ERROR, title, str(body.function), detail)


def _columns(table: Table) -> set[str]:
    return {column.name.lower() for column in table.columns}


def _written(body: Body, code: CreditCode) -> Iterator[tuple[Table, str]]:
    """Tables that we know, and the columns that a function writes there."""
    for insert in _INSERT.finditer(body.text):
        table = code.table(insert["schema"], insert["table"])
        if table:
            for name in insert["columns"].split(","):
                yield table, name.strip()
    for update in _UPDATE.finditer(body.text):
        table = code.table(update["schema"], update["table"])
        if table:
            for setting in between_commas(update["settings"]):
                name, is_set, _ = setting.partition("=")
                if is_set and re.fullmatch(r" *\w+ *", name):
                    yield table, name.strip()


def _variables(body: Body) -> set[str]:
    """The names of its arguments, of its result's columns, and of what it declares."""
    return {name.lower() for name in body.function.argument_names} | {
        name
        for declared in _DECLARED.finditer(body.text)
        for name in re.findall(r"(?:^|;) *(\w+) ", declared["variables"])
    }


def _unknown(statement: str, body: Body, code: CreditCode) -> Iterator[str]:
    """Columns that a statement names and that its tables do not have."""
    # A name may stand for one table here, and for another in a subquery.
    named: dict[str, list[Table | None]] = {}
    for read in _ALIASED.finditer(statement):
        table = code.table(read["schema"], read["table"])
        named.setdefault(read["alias"] or read["table"], []).append(table)
    schemas = {table.schema.lower() for table in code.catalog.tables}
    for one in _QUALIFIED.finditer(statement):
        table = _lacking(named.get(one["table"], []), one["column"])
        if table and one["table"] not in schemas:
            yield f"{table.name.lower()}.{one['column']}"
    (only, *others) = [table for tables in named.values() for table in tables] or [None]
    if only and not others and statement.count("select ") <= 1 and not _SEVERAL.search(statement):
        variables = _variables(body)
        for condition in _CONDITION.finditer(statement):
            name = condition["column"]
            if name not in variables and not _has(only, name):
                yield f"{only.name.lower()}.{name}"


def _unknown_of_rows(body: Body, code: CreditCode) -> Iterator[str]:
    """Columns of new and old that no table has whose trigger it is."""
    tables = [code.catalog.tables_by_name.get(name) for name in body.function.triggered_by]
    for one in _ROW.finditer(body.text):
        table = _lacking(tables, one["column"])
        if table:
            yield f"{table.name.lower()}.{one['column']}"


def _lacking(tables: Sequence[Table | None], column: str) -> Table | None:
    """The first of these tables, where we know all of them and none has the column."""
    if any(table is None or _has(table, column) for table in tables):
        return None
    return next(iter(tables), None)


def _has(table: Table, column: str) -> bool:
    return column in _columns(table) or column in _SYSTEM_COLUMNS


def _ambiguous(statement: str, body: Body, code: CreditCode) -> set[str]:
    """Names in a query that PostgreSQL cannot tell to be a column or a variable."""
    if body.function.language != "plpgsql" or "#variable_conflict" in body.function.source:
        return set()
    return _unqualified(statement, _variables(body), code)


def _unqualified(statement: str, variables: set[str], code: CreditCode) -> set[str]:
    """Those variables that the statement names where a column of the same name is in reach."""
    found: set[str] = set()
    insert = _INSERTED.match(statement)
    if insert:
        # Values do not see the columns of the table that they go to; what follows them does.
        table = code.table(insert["schema"], insert["table"])
        if table:
            found |= _named(insert["after"], variables & _columns(table))
    for read in _TABLES_READ.finditer(statement):
        table = code.table(read["schema"] or read["schema2"], read["table"] or read["table2"] or "")
        if table and not (insert and read.start() > insert.start("after")):
            found |= _named(statement, variables & _columns(table))
    return found


def _named(text: str, names: set[str]) -> set[str]:
    left = _TARGETS.sub(" ", text)
    return {name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}\b(?! ?\()", left)}
