"""Tables and views through which everybody, or each user, may write credits (L4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pgcredits.adopt.plan.model import Balances, Plan
    from pgcredits.adopt.source.catalog import Catalog, Table

_COMMANDS = {"INSERT": "a", "UPDATE": "w", "DELETE": "d"}
#: A call in a subquery, as (select auth.uid()), is a way to make it once.
_SUBQUERY = re.compile(r"\( *select ([\w.]+\([^()]*\))( as \w+)? *\)")
#: What says who asks.
_ASKER = r"(\b(uid|jwt|\w*user_id)\(\)|current_setting\(|\b(current|session)_user\b)"
_ANYBODY = re.compile(
    r"\(*(true|(\w+\.)?role\(\) = 'authenticated'(::text)?|(\w+\.)?uid\(\) is not null)\)*"
)


def open_doors(catalog: Catalog, plan: Plan) -> Iterator[Fault]:
    """The tables of the plan, and views of them, that others than the application may write."""
    for name in sorted({part.table for part in plan.parts}):
        table = catalog.tables_by_name[name]
        columns = {
            column for part in plan.parts if part.table == name for _, column in part.columns
        }
        granted = table.open_through(columns)
        if not table.has_row_security:
            if granted:
                why = "granted to all, without row security"
                yield _open("anyone may write this table", name, granted, why)
            continue
        every = {policy: what for policy, what in _ways(table, granted) if what.lets_all}
        if every:
            why = f"policy {', '.join(every)} lets everybody write every row"
            yield _open("anyone may write this table", name, granted, why)
    for balances in plan.balances:
        yield from _own_rows(catalog, plan, balances)
    yield from _open_views(catalog, plan)


class _Way:
    """A policy by which a command passes, with those that restrict it."""

    def __init__(self, using: Sequence[str], check: Sequence[str]) -> None:
        self._check = [_plain(one) for one in check]
        self._all = [_plain(one) for one in using] + self._check

    @property
    def lets_all(self) -> bool:
        """Whether everybody passes, with every row."""
        return all(_ANYBODY.fullmatch(one) for one in self._all)

    def lets_owners(self, names: Sequence[str]) -> bool:
        """Whether users pass with rows that are theirs by one of these columns."""
        return "false" not in self._all and any(
            re.search(_ASKER, one) and any(re.search(rf"\b{re.escape(n)}\b", one) for n in names)
            for one in self._all
        )

    def holds(self, column: str) -> bool:
        """Whether the new row must have the number in this column that something else says."""
        name = re.escape(column.lower())
        equal = rf"\b{name}\)* (=|is not distinct from) |(=|not distinct from) \(*(\w+\.)?{name}\b"
        return any(re.search(equal, one) for one in self._check)


def _plain(condition: str) -> str:
    """A condition in lower case, with calls in place of subqueries that only make them."""
    return _SUBQUERY.sub(r"\1", condition.lower().replace('"', ""))


def _ways(table: Table, granted: Sequence[str]) -> Iterator[tuple[str, _Way]]:
    """The policies by which these commands pass, by name."""
    for command in (_COMMANDS[one] for one in granted if one in _COMMANDS):
        policies = [one for one in table.policies if one.command in (command, "*")]
        limits = [one for one in policies if one.kind == "restrictive"]
        for policy in policies:
            if policy.kind == "permissive":
                # A new row has nothing that it replaces.
                using = [] if command == "a" else [one.using for one in (policy, *limits)]
                yield policy.name, _Way(using, [one.check for one in (policy, *limits)])


def _own_rows(catalog: Catalog, plan: Plan, part: Balances) -> Iterator[Fault]:
    """Row security that lets each user write the row, or the column, where the credits stand."""
    table = catalog.tables_by_name[part.table]
    held = [bucket.column for bucket in part.buckets]
    for history in plan.history:
        if part.summed and history.table == part.table:
            held = [one for one in (history.amount, history.credit, history.debit) if one]
    granted = [one for one in table.open_through(held) if one in ("INSERT", "UPDATE")]
    free = [name for name in held if not _is_guarded(catalog, table, name)]
    ways = {
        name: way
        for name, way in _ways(table, granted)
        if way.lets_owners((part.user.lower(), part.key.lower()))
        and not way.lets_all
        and not all(way.holds(column) for column in free)
    }
    if table.has_row_security and free and ways:
        yield _open(
            "users may write their own balance", part.table, granted,
            f"policy {', '.join(ways)} lets users write their own row, {', '.join(free)} included",
        )  # fmt: skip


def _is_guarded(catalog: Catalog, table: Table, column: str) -> bool:
    """Whether a trigger of the table refuses, or undoes, what differs from the old value."""
    named = [rf"\b{row}\.\"?{re.escape(column.lower())}\b" for row in ("new", "old")]
    texts = (
        without_comments(function.source).lower()
        for function in (*catalog.functions, *catalog.functions_elsewhere)
        if str(table) in function.triggered_by
    )
    return any(
        all(re.search(one, text) for one in named)
        and re.search(rf"\braise\b|{named[0]}\"? *:?= *{named[1]}", text)
        for text in texts
    )


def _open_views(catalog: Catalog, plan: Plan) -> Iterator[Fault]:
    names = sorted({part.table.split(".", 1)[1] for part in plan.parts})
    told = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in names))
    for view in catalog.views:
        if view.open_to_all and names and told.search(view.definition):
            why = "granted to all, by the rights of its owner"
            yield _open("anyone may write through this view", str(view), view.open_to_all, why)


def _open(title: str, where: str, to_all: Sequence[str], why: str) -> Fault:
    return Fault("L4", Severity.ERROR, title, where, f"{', '.join(to_all).lower()}: {why}")
