"""Faults that the text of an older system's functions and views gives away.

These are patterns of faults that were seen, in the code that has to do with credits. Each finding
names the function, for a person to look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.certain_failures import certain_failures
from pgcredits.adopt.inspect.faults import Fault, Severity
from pgcredits.adopt.inspect.function_bodies import CreditCode, bare
from pgcredits.adopt.inspect.statements import mentions
from pgcredits.adopt.source import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.inspect.function_bodies import Body
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, View

_SWALLOWED = re.compile(r"when others then(?P<body>.*?)(?=\bwhen\b|\bend\b(?! (?:if|loop|case)))")
_TELLS = re.compile(r"\b(raise|perform|insert|call|sqlerrm|stacked)\b")
_GRANTS = re.compile(r"purchase|topup|top_up|add_.*credit|grant")


def faults_in_code(catalog: Catalog, plan: Plan) -> Iterator[Fault]:
    """Faults that show in functions and views."""
    code = CreditCode(catalog, plan)
    for body in code.bodies:
        if body.is_about_credits:
            for faults_of in (
                _rights,
                _balance_faults,
                _argument_faults,
                _hidden_errors,
                _refund_faults,
                _fixed_refunds,
                _repeated_payments,
                certain_failures,
            ):
                yield from faults_of(body, code)
    yield from _ways_to_refund(code)
    for view in catalog.views:
        yield from _faults_of_view(view, code)


def _error(body: Body, number: str, title: str, detail: str) -> Fault:
    return Fault(number, Severity.ERROR, title, str(body.function), detail)


def _warning(view: View, number: str, title: str, detail: str) -> Fault:
    return Fault(number, Severity.WARNING, title, str(view), detail)


def _rights(body: Body, _code: CreditCode) -> Iterator[Fault]:
    function = body.function
    if body.is_open:
        granted = f"EXECUTE is granted to {', '.join(function.open_to)}"
        yield _error(body, "L4", "anyone may move credits", granted)
    if function.is_definer and not function.has_search_path:
        yield _error(
            body, "L20", "security definer without search_path",
            "whoever can create objects decides which tables it means",
        )  # fmt: skip


def _balance_faults(body: Body, _code: CreditCode) -> Iterator[Fault]:
    text = body.text
    absolute = [one for one in body.assignments if one.is_absolute]
    if body.reads_first:
        yield _error(
            body, "L1", "reads a balance and writes it without a lock",
            "two calls at once both pass the check",
        )  # fmt: skip
    judges_null = "not found" in text or re.search(r"\bis null\b|coalesce\(|into strict", text)
    judged = {found[1] for found in re.finditer(r"\bif (\w+) < \w+ then", text)}
    if judged & body.balances_read and not judges_null:
        yield _error(body, "L8", "a missing row passes the check", "null < credits is not true")
    # What is computed from the balance that was read is a race, which is L1; it is no reset.
    resets = [one for one in absolute if not mentions(one.value, body.balances_read)]
    # A time at which the next allowance comes is no reset.
    if resets and re.search(r"(?<!next_)allowance|reset|month", body.function.name + text):
        yield _error(
            body, "L2", "sets a balance to an absolute value",
            f"{resets[0].column} = {resets[0].value}: what is spent meanwhile comes back",
        )  # fmt: skip
    if any(vocabulary.PURCHASED.search(one.column) and one.value.isdigit() for one in absolute):
        yield _error(body, "L13", "wipes purchased credits", "it sets them to a number")


def _argument_faults(body: Body, _code: CreditCode) -> Iterator[Fault]:
    for name in body.amounts if body.function.is_reachable else ():
        amount = re.escape(name)
        if body.assignments and not re.search(
            rf"{amount}(, *\d+\))? *(<=?|>=?) *[01]\b|\b[01] *(<=?|>=?) *{amount}\b"
            rf"|{amount} (not )?between\b|(abs|greatest)\(({amount}|\d+, *{amount})",
            body.text,
        ):
            yield _error(body, "L14", "takes negative amounts", f"{name} is not judged")


def _hidden_errors(body: Body, _code: CreditCode) -> Iterator[Fault]:
    # A handler that raises, logs or stores the error does not hide it.
    if any(not _TELLS.search(handler["body"]) for handler in _SWALLOWED.finditer(body.text)):
        yield _error(body, "L15", "hides every error", "when others without raise")


def _refund_faults(body: Body, code: CreditCode) -> Iterator[Fault]:
    if not body.is_refund:
        return
    given = {one.column for one in body.assignments}
    buckets = {column for columns in code.balances.values() for column in columns}
    if len(buckets) > 1 and given < buckets:
        yield _error(
            body, "L5", "refunds into one bucket, whatever paid",
            f"only into {', '.join(sorted(given))}",
        )  # fmt: skip
    if any(one.is_fixed for one in body.assignments):
        yield _error(body, "L12", "refunds a fixed number", "whatever was charged")
    if not body.names_one and not body.function.triggered_by:
        yield _error(body, "L3", "a refund that names no charge", "called twice, it pays twice")


def _fixed_refunds(body: Body, code: CreditCode) -> Iterator[Fault]:
    """A number in the call of a function that gives credits back."""
    for other in code.bodies:
        gives = other.is_refund or (
            bool(body.function.triggered_by) and any(one.gives for one in other.assignments)
        )
        if not (gives and body.is_about_failures) or other is body:
            continue
        amounts = [place for place, (name, _) in enumerate(other.inputs) if name in other.amounts]
        for call in body.calls_of(other):
            numbers = [call[place] for place in amounts if re.match(r"\d+(\.\d+)?\b", call[place])]
            if numbers:
                yield _error(
                    body, "L12", "refunds a fixed number",
                    f"{numbers[0]} by {other.function.name}, whatever was charged",
                )  # fmt: skip


def _repeated_payments(body: Body, _code: CreditCode) -> Iterator[Fault]:
    if (
        _GRANTS.search(body.function.name)
        and any(one.gives for one in body.assignments)
        and not body.names_one
        and not body.function.triggered_by
    ):
        yield _error(
            body, "L13", "a payment that is reported twice is granted twice",
            "no argument tells one payment from another",
        )  # fmt: skip


def _ways_to_refund(code: CreditCode) -> Iterator[Fault]:
    ways = sorted(str(body.function) for body in code.bodies if body.is_refund)
    if len(ways) > 1:
        yield Fault(
            "L3",
            Severity.ERROR,
            f"{len(ways)} ways to refund, none of which knows of the others",
            ", ".join(ways),
            "the same failure may be refunded by each",
        )


def _faults_of_view(view: View, code: CreditCode) -> Iterator[Fault]:
    text = " ".join(view.definition.lower().replace('"', "").split())
    tasks = [bare(part.table) for part in code.plan.tasks]
    history = [bare(part.table) for part in code.plan.history]
    names_tasks = any(re.search(rf"\b{re.escape(name)}\b", text) for name in tasks)
    names_history = any(re.search(rf"\b{re.escape(name)}\b", text) for name in history)
    if names_tasks and names_history and " join " in text and "count(*)" in text:
        yield _warning(
            view, "L7", "counts after a join that may double rows",
            "a task with two transactions counts twice",
        )  # fmt: skip
    if names_tasks and re.search(r"/ \(?count\(\*\)", text) and "filter" in text:
        yield _warning(
            view, "L16", "a rate over all tasks, including running ones",
            "a task that runs counts as a failure",
        )  # fmt: skip
    if names_tasks and "failed" in text and "refund" in view.name and "refund" not in text:
        yield _warning(
            view, "L17", "lists failures without asking whether they were refunded",
            "a person who pays by this list pays again",
        )  # fmt: skip
