"""What the words of an older system say that a function, or one call of it, does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.adopt.compat.arguments import array_of, quoted
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.adopt.plan.model import Plan

#: A function that has one of these words in its name does what the word says.
REFUND = {"back", "refund", "refunds", "reimburse", "reverse"}
CHARGE = {
    "burn", "charge", "consume", "debit", "decrement", "deduct", "spend", "subtract", "take", "use",
    "withdraw",
}  # fmt: skip
GRANT = {
    "add", "award", "buy", "deposit", "give", "grant", "increment", "purchase", "purchased",
    "recharge", "top", "topup",
}  # fmt: skip
MIXED = {"adjust", "change", "modify", "update"}
RESET = {"refill", "renew", "reset"}
CREDITS = {"balance", "benefits", "coins", "credit", "credits", "points", "token", "tokens"}
#: A function with one of these in its name moves no credits.
NEITHER = {
    "alert", "calculate", "can", "check", "count", "eligibility", "estimate", "expire", "get",
    "has", "history", "is", "limit", "limits", "list", "log", "policies", "policy", "preview",
    "settings", "threshold", "validate",
}  # fmt: skip
#: Types of grants of which a user gets one a month, however often the function is called.
_MONTHLY = ("allowance", "monthly", "monthly_reset", "plan_change", "renewal", "reset")
#: Words of grants that were paid for, and of those that a plan brings.
_PURCHASE = (
    "purchase", "purchased", "buy", "bought", "topup", "top_up", "top", "recharge", "deposit",
    "payment", "order", "checkout", "pack", "package",
)  # fmt: skip
_REFUND_IN_WORDS = (
    "refund", "refunded", "refunding", "reversal", "reimbursement", "payback",
)  # fmt: skip
_OF_PLAN = ("plan", "subscription", "renewal", "allowance", "monthly", "month")


def is_purchase(name: str) -> bool:
    """Whether the name of a function says that its credits were paid for."""
    return bool({"purchase", "purchased", "buy", "top", "topup", "recharge"} & set(name.split("_")))


def meaning(plan: Plan, *, is_reason: bool) -> str:
    """What v_word means, as SQL: refund, charge, monthly, grant, empty, or unknown.

    What the plan says of the words of the old history counts before what they usually mean.

    Args:
        plan: Says what words of histories mean.
        is_reason: Whether the word is a reason in words: it says what the work was, too, and tells
            only refunds from grants.
    """
    tests = [(_has_one(_REFUND_IN_WORDS), "refund")] if is_reason else _tests(plan)
    whens = " ".join(f"when {test} then {quoted(found)}" for test, found in tests)
    return f"case when v_word = '' then '' {whens} else 'unknown' end"


def _tests(plan: Plan) -> Iterator[tuple[str, str]]:
    of_plan: dict[str, list[str]] = {}
    for history in plan.history:
        for word, kind in history.kinds.items():
            of_plan.setdefault(kind, []).append(plain(word))
    yield _is_one(("refund", *of_plan.get("refund", ()))), "refund"
    yield _is_one(of_plan.get("charge", ())), "charge"
    yield _is_one(_MONTHLY), "monthly"
    yield _is_one(of_plan.get("grant", ())), "grant"
    for kind in ("refund", "charge", "grant"):
        yield _is_one(vocabulary.KINDS[kind]), kind
    for kind in ("refund", "grant", "charge"):
        yield _has_one(vocabulary.KINDS[kind]), kind


def source_of_grant() -> str:
    """The source of a grant by v_word, as SQL."""
    return (
        f"case when {_has_one(_PURCHASE)} then 'purchase'"
        f" when {_has_one(_OF_PLAN)} then 'allowance' else 'adjustment' end"
    )


def _is_one(words: tuple[str, ...] | list[str]) -> str:
    return f"v_word = any ({array_of(tuple(words))})"


def _has_one(words: tuple[str, ...]) -> str:
    pattern = f"(^|_)({'|'.join(words)})(_|$)"
    return f"v_word ~ {quoted(pattern)}"
