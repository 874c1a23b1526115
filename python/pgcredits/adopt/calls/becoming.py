"""What becomes of a place that names something old, once the older system has been moved over."""

from __future__ import annotations

from pgcredits.adopt.calls.contexts import Use
from pgcredits.adopt.calls.names import Old, OldColumn, OldFunction, OldTable

_SPEND = (
    "credits.deduct_user_credits, grant_user_credits or refund_user_credits, each with the key "
    "of what it is about"
)
_WORK = "credits.start_generation, complete_generation and fail_generation"
#: What a read and what a write become, by the table's role.
_READ = {
    "balances": "stays as it was at the cut-over; today's balance: credits.get_user_credits",
    "history": "ends with the cut-over; what came since: credits_monitoring.user_statement",
    "refunds": "ends with the cut-over; what came since: credits_monitoring.user_statement",
    "tasks": "stays as it was at the cut-over; what came since: credits.generations",
}
_WRITE = {
    "balances": f"instead: {_SPEND}",
    "history": "leave it out: the ledger writes its own rows",
    "refunds": "leave it out: a refund is a row of the ledger",
    "tasks": f"instead: {_WORK}",
}

#: The same, where adopt compat leaves a view in the table's place that takes writes.
_BY_VIEW = {
    Use.READ: "reads a view of today's balance; in the end: credits.get_user_credits",
    Use.WRITE: f"a view makes a charge, a refund or a grant of it; in the end: {_SPEND}",
}


def becomes(old: Old, use: Use) -> str:
    """What becomes of it, in a sentence."""
    if use is Use.GENERATED:
        return "made from other files: build it again when they are moved"
    if use is Use.DEFINITION:
        return "defines it, and calls nothing"
    if isinstance(old, OldFunction):
        return _of_function(old)
    table = old.table if isinstance(old, OldColumn) else old
    if table.is_writable and use in (Use.READ, Use.WRITE):
        return _BY_VIEW[use]
    if use is Use.READ:
        return _READ[table.role]
    if use is Use.WRITE:
        return f"{_refused(table)}; {_WRITE[table.role]}"
    if use is Use.MODEL:
        return "a model of the table: remove it when nothing uses it any more"
    return "names it: look at what is done with it"


def _refused(table: OldTable) -> str:
    if table.close == "columns":
        return f"refused after the cut-over where it changes {', '.join(table.credits)}"
    if table.close == "nothing":
        return "goes on, and moves no credits any more"
    return "refused after the cut-over (PT410)"


def _of_function(old: OldFunction) -> str:
    if old.does.startswith("grants") and not old.arguments:
        return "fails after the cut-over; leave it out: pgcredits maintain grants what plans bring"
    if old.is_writing:
        known = "adopt compat has one that" if old.does else "adopt compat has none:"
        return f"fails after the cut-over; {known} {old.does or 'write it anew'}"
    return "reads the old tables as they were at the cut-over: credits.get_user_credits"
