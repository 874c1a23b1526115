"""The call of pgcredits that replaces the call of an old function, with the arguments it had."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.statements import between_commas
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgcredits.adopt.calls.names import OldFunction

#: Stands for what the old call did not say.
OPEN = "..."
#: A longer value is left to the person who moves the call.
_LONGEST_VALUE = 100
_PURCHASE = re.compile(r"purchas|buy|top_?up|recharge|payment")
_REASON = re.compile(r"reason|descr|note|comment")
_KEY = re.compile(
    r"(^|_)(idempotency|request|task|job|generation|reference|ref|payment|order|invoice|session"
    r"|intent|event|external|transaction)(_(id|key|ref|uuid|intent))*$"
)
_CLOSING = {"(": ")", "{": "}", "[": "]"}


def replacement(function: OldFunction, before: str, after: str, user_ids: str) -> str:
    """The new call in the way of the old one, by an API's rpc or in SQL; empty = there is none."""
    wanted = _wanted(function)
    if wanted is None:
        return ""
    name, arguments = wanted
    rpc = re.search(r"""rpc\s*(?:<[^<>()]*>)?\(\s*['"`](?:\w+\.)?$""", before)
    given = _told(function, after, is_rpc=bool(rpc))
    filled = {new: given.get(meaning) or OPEN for new, meaning in arguments.items()}
    if rpc:
        # An API passes values, and no expressions: another program computes this uuid.
        if user_ids != "uuid" and filled["p_user_id"] != OPEN:
            filled["p_user_id"] = f"credits.user_id({filled['p_user_id']})"
        said = ", ".join(f"{new}: {value}" for new, value in filled.items())
        return f'.schema("credits").rpc("{name}", {{ {said} }})'
    if user_ids != "uuid" and filled["p_user_id"] != OPEN:
        filled["p_user_id"] = f"credits.user_id({filled['p_user_id']}::text)"
    said = ", ".join(f"{new} => {value}" for new, value in filled.items())
    return f"select * from credits.{name}({said})"  # noqa: S608 - it is printed, not sent


def _wanted(function: OldFunction) -> tuple[str, dict[str, str]] | None:
    """The function of pgcredits, and what each of its arguments means."""
    user = {"p_user_id": "user", "p_credits": "amount"}
    if function.does.startswith("charges, grants"):
        return None
    if function.does.startswith("charge"):
        return ("deduct_user_credits", {**user, "p_reason": "reason", "p_idempotency_key": "key"})
    if function.does.startswith("refund"):
        return (
            "refund_user_credits",
            {"p_user_id": "user", "p_transaction_id": "", "p_credits": "amount"},
        )
    if function.does.startswith("grants") and function.arguments:
        return ("grant_user_credits", {**user, "p_source": "source", "p_idempotency_key": "key"})
    return None


def _told(function: OldFunction, after: str, *, is_rpc: bool) -> Mapping[str, str]:
    """The values of the old call, by what they mean."""
    found = {"source": '"purchase"' if is_rpc else "'purchase'"}
    if not _PURCHASE.search(function.name):
        found = {}
    for name, value in _arguments(function, after, is_rpc=is_rpc):
        meaning = _meaning(name)
        if meaning and value and len(value) <= _LONGEST_VALUE:
            found.setdefault(meaning, value)
    return found


def _meaning(name: str) -> str:
    word = re.sub(r"^(p|v|in|arg)_", "", plain(name))
    if word in vocabulary.USER or vocabulary.USER_LIKE.search(word):
        return "user"
    if _KEY.search(word):
        return "key"
    if vocabulary.AMOUNT_LIKE.search(word):
        return "amount"
    return "reason" if _REASON.search(word) else ""


def _arguments(function: OldFunction, after: str, *, is_rpc: bool) -> list[tuple[str, str]]:
    """The names and values that stand in the old call, as far as text shows them."""
    if is_rpc:
        begin = re.match(r"""['"`]\s*,\s*(?:params\s*[=:]\s*)?(?=\{)""", after)
        inside = _enclosed(after[begin.end() :]) if begin else ""
        pairs = []
        for one in between_commas(inside):
            name, _, value = one.partition(":")
            pairs.append((name.strip().strip("'\"`"), " ".join(value.split()) or name.strip()))
        return pairs
    begin = re.match(r"\"?\s*(?=\()", after)
    inside = _enclosed(after[begin.end() :]) if begin else ""
    pairs = []
    for at, one in enumerate(between_commas(inside)):
        named = re.match(r"\s*\"?(\w+)\"?\s*(?:=>|:=)\s*(.*)", one, re.DOTALL)
        if named:
            pairs.append((named[1], " ".join(named[2].split())))
        elif at < len(function.arguments):
            pairs.append((function.arguments[at], " ".join(one.split())))
    return pairs


def _enclosed(text: str) -> str:
    """What stands between the bracket with which a text begins and the one that closes it."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in _CLOSING) - (char in _CLOSING.values())
        if depth == 0:
            return text[1:at]
    return ""
