"""Functions that will fail after the cut-over, since they write to what is closed then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgcredits.adopt.plan.model import Balances

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function

#: A comment, or a literal: matching literals, too, keeps "--" inside one from being a comment.
_COMMENT = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)

#: A call of a function that takes credits, or a price with a minus, as a history has it.
_TAKES = re.compile(
    r"(charge|consume|debit|deduct|spend|subtract|withdraw)\w*\"?\s*\("
    r"|(?<![-\w])-\s*(new|old)\.\"?\w*(amount|cost|credit|price|token)"
)


def without_comments(source: str) -> str:
    """The text of a function, with a space in place of each comment."""
    return _COMMENT.sub(lambda found: found[0] if found[0].startswith("'") else " ", source)


def writes(function: Function, plan: Plan, *, deletes: bool = True) -> bool:
    """Whether its text writes to what the plan closes.

    Args:
        function: The function.
        plan: Says what is closed.
        deletes: Whether a delete counts: one inside a trigger passes.
    """
    source = without_comments(function.source).lower()
    verbs = r"insert\s+into|update|delete\s+from" if deletes else r"insert\s+into|update"
    for part in plan.parts:
        if isinstance(part, Balances) and part.writable:
            if _names_conflicts(source, part.table):
                return True
            continue
        name = re.escape(part.table.split(".", 1)[1].lower())
        # In text that format() makes, %I may stand for any table that is named in the function.
        table = rf"\s+(only\s+)?([\w\"%]+\.)?\"?({name}\b|%(\d\$)?[is]\b(?=.*\b{name}\b))\"?"
        if part.close == "table" and re.search(rf"({verbs}){table}", source, re.DOTALL):
            return True
        if part.close == "columns" and isinstance(part, Balances):
            names_one = any(
                re.search(rf"\b{re.escape(bucket.column.lower())}\b", source)
                for bucket in part.buckets
            )
            # An insert that names no columns writes all of them.
            names_none = re.search(rf"insert\s+into{table}\s*(values|select)\b", source)
            if names_none or (names_one and re.search(rf"({verbs}){table}", source, re.DOTALL)):
                return True
    return False


def _names_conflicts(source: str, table: str) -> bool:
    """Whether it inserts there with ON CONFLICT and a target, which no view can have."""
    name = re.escape(table.split(".", 1)[1].lower())
    insert = rf"insert\s+into\s+([\w\"]+\.)?\"?{name}\b[^;]*?"
    return bool(re.search(rf"{insert}\bon\s+conflict\s*(\(|on\b)", source))


def failing_triggers(catalog: Catalog, plan: Plan) -> tuple[tuple[str, str], ...]:
    """Trigger functions of any schema that will fail, with the tables whose writes fail, too.

    They write to what is closed, or call a function that does.
    """
    closed = {
        part.table
        for part in plan.parts
        if part.close == "table" and not (isinstance(part, Balances) and part.writable)
    }
    functions = (*catalog.functions, *catalog.functions_elsewhere)
    failing = {one.oid: one for one in functions if writes(one, plan, deletes=False)}
    texts = {one.oid: without_comments(one.source).lower() for one in functions}
    found: dict[int, Function] = {}
    while found.keys() != failing.keys():
        found = dict(failing)
        called = sorted({one.name.lower() for one in found.values() if one.result != "trigger"})
        calls = re.compile(rf"\b({'|'.join(map(re.escape, called)) or '(?!)'})\"?\s*\(")
        failing |= {one.oid: one for one in functions if calls.search(texts[one.oid])}
    triggers = (
        (str(function), table) for function in found.values() for table in function.triggered_by
    )
    breaking = (*triggers, *_emptied_keys(catalog, closed))
    return tuple(
        sorted(
            (name, table)
            for name, table in breaking
            if table not in closed and not _is_replaced(plan, name, table)
        )
    )


def _is_replaced(plan: Plan, failing: str, table: str) -> bool:
    """Whether the cut-over disables the trigger."""
    return any(
        part.table == table and bare_name(failing) in part.replaces for part in plan.mirrored
    )


def replaced_triggers(catalog: Catalog, plan: Plan) -> Plan:
    """The plan, with the triggers of tables of tasks named that would fail after the cut-over.

    Not those that may charge: without them work would cost nothing.
    """
    functions = (*catalog.functions, *catalog.functions_elsewhere)
    charging = {str(one) for one in functions if _takes_credits(one, plan)}
    failing = [one for one in failing_triggers(catalog, plan) if one[0] not in charging]
    return replace(
        plan,
        tasks=tuple(
            replace(
                part,
                replaces=tuple(
                    bare_name(name)
                    for name, table in failing
                    if table == part.table and "(" in name
                ),
            )
            if part.is_mirrored
            else part
            for part in plan.tasks
        ),
    )


def _takes_credits(function: Function, plan: Plan) -> bool:
    """Whether its text may lower a balance: it subtracts from one, or calls what does."""
    source = without_comments(function.source).lower()
    return changes_balance(function, plan, "-") or bool(_TAKES.search(source))


def changes_balance(function: Function, plan: Plan, sign: str) -> bool:
    """Whether its text adds to a column of the balances, or subtracts from one, by the sign."""
    source = without_comments(function.source).lower()
    return bool(re.search(rf"\b({_buckets(plan)})\"?\s*(,\s*0\s*)?\)?\s*\{sign}(?!-)", source))


def only_counts(function: Function, plan: Plan) -> bool:
    """Whether its text updates a table of balances, and names none of the columns with credits."""
    source = without_comments(function.source).lower()
    tables = "|".join(re.escape(part.table.split(".", 1)[1].lower()) for part in plan.balances)
    updates = re.search(rf"\bupdate\s+(only\s+)?([\w\"]+\.)?\"?({tables or '(?!)'})\b", source)
    return bool(updates) and not re.search(rf"\b({_buckets(plan)})\b", source)


def _buckets(plan: Plan) -> str:
    names = {bucket.column.lower() for part in plan.balances for bucket in part.buckets}
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def _emptied_keys(catalog: Catalog, closed: Collection[str]) -> Iterator[tuple[str, str]]:
    """Foreign keys of closed tables that are set to null where the row to which they refer goes."""
    for table in catalog.tables:
        for column in table.columns if str(table) in closed else ():
            if column.emptied_by and column.refers_to:
                yield f"foreign key {column.emptied_by} (on delete set null)", column.refers_to


def bare_name(failing: str) -> str:
    """How a plan names what will fail: without schema, and without arguments."""
    return re.split(r"[. ]", failing.partition("(")[0].strip().replace('"', ""))[-1]


def is_accepted(failing: str, plan: Plan) -> bool:
    """Whether the plan accepts that this fails: it may name it with or without schema."""
    name = failing.partition("(")[0].replace('"', "")
    return any(one in (failing, name, bare_name(failing)) for one in plan.accept_failing)
