"""New bodies for an older system's functions: the text of a body that calls pgcredits.

The words of a function's name tell what it did, and its arguments' names tell what they mean.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.writers import without_comments
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Function

#: A function that has one of these words in its name does what the word says.
_REFUND = {"back", "refund", "refunds", "reimburse", "reverse"}
_CHARGE = {
    "burn", "charge", "consume", "debit", "decrement", "deduct", "spend", "subtract", "take", "use",
    "withdraw",
}  # fmt: skip
_GRANT = {
    "add", "award", "buy", "deposit", "give", "grant", "increment", "purchase", "purchased",
    "recharge", "top", "topup",
}  # fmt: skip
_MIXED = {"adjust", "change", "modify", "update"}
_RESET = {"refill", "renew", "reset"}
_CREDITS = {"balance", "benefits", "coins", "credit", "credits", "points", "token", "tokens"}
#: A function with one of these in its name moves no credits.
_NEITHER = {
    "alert", "calculate", "can", "check", "count", "eligibility", "estimate", "expire", "get",
    "has", "history", "is", "limit", "limits", "list", "log", "policies", "policy", "preview",
    "settings", "threshold", "validate",
}  # fmt: skip
_USER = re.compile(r"(^|_)(user|account|profile|customer|owner|member|uid)(_?id|_uuid)?$")
_AMOUNT = re.compile(r"(^|_)(credits?|amount|tokens?|coins?|points?|qty|quantity)$")
#: Arguments that have the same value when the call for one charge or payment is repeated.
_KEY = re.compile(r"(^|_)(idempotency|request)(_id|_key)?$")
_REFERENCE = re.compile(
    r"(^|_)(task|job|generation|ref|reference|transaction|payment|order|invoice|charge|intent"
    r"|session|event|external)(_id|_key|_ref|_uuid|_intent)*$"
)
_WORDS = re.compile(r"reason|descr|type|note|comment")
_INSUFFICIENT = re.compile(r"'([^'\n%]*insufficient[^'\n%]*)'", re.IGNORECASE)
_SAYS_NO = re.compile(r"'success' *, *false", re.IGNORECASE)
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
#: Types of grants of which a user gets one a month, however often the function is called.
_MONTHLY = ("allowance", "monthly", "monthly_reset", "plan_change", "renewal", "reset")

#: The user of a call, from the argument that names them, by a plan's user_ids. Users who come later
#: are registered, too.
_USERS = {
    "uuid": "{}::text::uuid",
    "external": "credits.register_user({}::text)",
    "md5": "credits_internal.remember_user(md5({0}::text)::uuid, {0}::text)",
}
_ANY_KEY = "'legacy-call:' || gen_random_uuid()"


@dataclass(frozen=True)
class _Arguments:
    """What each argument of a function means: its place as $1, $2 ..., by meaning."""

    user: str
    amount: str
    key: str
    reference: str
    says: str
    kind: str
    per_unit: int

    @classmethod
    def of(cls, function: Function, plan: Plan) -> _Arguments | None:
        names = function.argument_names[: len(function.argument_types)]
        inputs = list(zip(names, function.argument_types, strict=False))

        def find(pattern: re.Pattern[str], types: tuple[str, ...] | None = None) -> str:
            return next(
                (
                    f"${place}"
                    for place, (name, type_) in enumerate(inputs, start=1)
                    if pattern.search(name) and (types is None or type_ in types)
                ),
                "",
            )

        user = find(_USER)
        amount = find(_AMOUNT, _NUMBERS)
        if not user or not amount:
            return None
        return cls(
            user=_USERS[plan.user_ids].format(user),
            amount=f"credits_internal.legacy_credits({amount}::numeric, {plan.credits_per_unit})",
            key=find(_KEY),
            reference=find(_REFERENCE),
            says=find(_WORDS, ("text", "character varying")),
            kind=find(re.compile(r"type|kind"), ("text", "character varying")),
            per_unit=plan.credits_per_unit,
        )


def new_body(function: Function, plan: Plan) -> tuple[str, str] | None:
    """What a function of this name will do, in words, and its body; None where we do not know."""
    said = set(function.name.lower().split("_"))
    if function.triggered_by:
        return None
    # A function that only reads needs no new body.
    if function.result is None or function.volatility != "v" or said & _NEITHER:
        return None
    if not said & (_CREDITS | _REFUND):
        return None
    if said & _RESET and not function.argument_types:
        return (
            "grants what plans bring this month",
            "begin perform credits.apply_allowances(100000); "
            f"{_answer(function, 'true', 'null::bigint')} end",
        )
    arguments = _Arguments.of(function, plan)
    if arguments is None:
        return None
    for names, does, statements in (
        (_REFUND, "refunds a charge once", _refunding),
        (_CHARGE, "charges", _charging),
        (_GRANT, "grants", _granting),
    ):
        if said & names:
            return (does, _declared(arguments, statements(function, arguments, arguments.amount)))
    if said & _MIXED:
        return ("charges, grants or refunds", _declared(arguments, _adjusting(function, arguments)))
    return None


def _filled(name: str, **parts: str) -> str:
    return read_sql(__package__, f"bodies/{name}.sql").format(**parts)


def _declared(arguments: _Arguments, statements: str) -> str:
    return _filled("body", user=arguments.user, statements=statements)


def _reason(arguments: _Arguments) -> str:
    return f"left({arguments.says}::text, 1000)" if arguments.says else "null"


def _charging(function: Function, arguments: _Arguments, amount: str) -> str:
    source = without_comments(function.source)
    message = _INSUFFICIENT.search(source)
    said = message[1] if message else "Insufficient credits"
    refused = f"raise exception using message = '{said}', errcode = 'PT402', detail = sqlerrm;"
    if _SAYS_NO.search(source) and function.result in ("jsonb", "json"):
        refused = (
            f"return {function.result}_build_object('success', false, 'error', '{said}',"
            f" 'remaining_balance', {_balance_of(arguments)});"
        )
    elif function.result == "boolean" and re.search(r"return\s+false", source, re.IGNORECASE):
        refused = "return false;"
    key = f"nullif({arguments.key}::text, '')" if arguments.key else "null"
    metadata = "'{}'"
    if arguments.reference:
        # The reference is kept so that a later refund finds this charge.
        metadata = (
            "jsonb_strip_nulls(jsonb_build_object("
            f"'legacy_reference', nullif({arguments.reference}::text, '')))"
        )
    return _filled(
        "charge",
        amount=amount,
        reason=_reason(arguments),
        key=key,
        metadata=metadata,
        refused=refused,
        answer=_answer(function, "true", _in_units("v_done.balance", arguments)),
    )


def _granting(
    function: Function, arguments: _Arguments, amount: str, *, monthly: bool = False
) -> str:
    # Where neither a key nor a reference is passed, each call is a payment of its own.
    told = [f"nullif({one}::text, '')" for one in (arguments.key, arguments.reference) if one]
    key = f"coalesce({', '.join([*told, _ANY_KEY])})"
    source, expires = "adjustment", "null"
    if monthly:
        key = f"'legacy-month:' || v_word || ':' || to_char(now(), 'YYYY-MM') || ':' || {amount}"
        expires = "now() + interval '1 month'"
    elif {"purchase", "purchased", "buy", "top", "topup", "recharge"} & set(
        function.name.lower().split("_")
    ):
        source = "purchase"
    return _filled(
        "grant",
        amount=amount,
        source=source,
        expires=expires,
        reason=_reason(arguments),
        key=key,
        answer=_answer(function, "true", _in_units("v_done.balance", arguments)),
    )


def _refunding(function: Function, arguments: _Arguments, amount: str) -> str:
    says = f"{arguments.says}::text" if arguments.says else "null"
    reference = arguments.reference or arguments.key
    call = f"refund_unreferenced(v_user_id, {amount}, {says})"
    if reference:
        call = f"refund_legacy_task(v_user_id, {reference}::text, {amount}, {says})"
    return _filled(
        "refund", call=call, answer=_answer(function, "v_credits > 0", _balance_of(arguments))
    )


def _in_units(balance: str, arguments: _Arguments) -> str:
    return balance if arguments.per_unit == 1 else f"({balance}::numeric / {arguments.per_unit})"


def _balance_of(arguments: _Arguments) -> str:
    balance = "(select c.balance from credits.get_user_credits(v_user_id) as c)"
    return _in_units(balance, arguments)


def _adjusting(function: Function, arguments: _Arguments) -> str:
    amount = arguments.amount
    positive = f"abs({amount})"
    return _filled(
        "adjust",
        kind=f"{arguments.kind}::text" if arguments.kind else "''",
        amount=amount,
        refunds=",".join(vocabulary.KINDS["refund"]),
        charges=",".join(vocabulary.KINDS["charge"]),
        monthly=",".join(_MONTHLY),
        grants=",".join(vocabulary.KINDS["grant"]),
        refund=_refunding(function, arguments, positive),
        charge=_charging(function, arguments, positive),
        grant_monthly=_granting(function, arguments, amount, monthly=True),
        grant=_granting(function, arguments, amount),
        answer=_answer(function, "false", "null::bigint"),
    )


def _answer(function: Function, is_done: str, balance: str) -> str:
    """The statement that returns what the old function did, as far as its result type tells."""
    result = (function.result or "void").strip()
    lower = result.lower()
    if lower == "void":
        return "return;"
    if lower == "boolean":
        return f"return {is_done};"
    if lower in ("jsonb", "json"):
        return (
            f"return {lower}_build_object('success', {is_done}, 'remaining_balance', {balance},"
            f" 'new_balance', {balance});"
        )
    if lower in _NUMBERS:
        return f"return {balance};"
    table = re.fullmatch(r"table\((?P<columns>.*)\)", result, re.IGNORECASE)
    if table:
        return f"return query select {', '.join(_columns(table['columns'], is_done, balance))};"
    return "return;" if lower.startswith("setof") else "return null;"


def _columns(declared: str, is_done: str, balance: str) -> list[str]:
    found = []
    for column in declared.split(","):
        name, type_ = column.strip().split(" ", 1)
        if re.search(r"balance|remaining|credits", name):
            found.append(f"({balance})::{type_}")
        elif type_ == "boolean":
            found.append(f"({is_done})::{type_}")
        else:
            found.append(f"null::{type_}")
    return found
