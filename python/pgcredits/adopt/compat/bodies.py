"""New bodies for an older system's functions: the text of a body that calls pgcredits.

The words of a function's name tell what it did, its arguments' names what they mean, and its old
text what its callers read of the answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcredits.adopt.compat import words
from pgcredits.adopt.compat.answers import NULL, Answers, Told
from pgcredits.adopt.compat.arguments import Arguments, Buckets, quoted
from pgcredits.adopt.compat.templates import filled
from pgcredits.adopt.source.writers import changes_balance, only_counts, without_comments

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function

_INSUFFICIENT = re.compile(r"'([^'\n%]*insufficient[^'\n%]*)'", re.IGNORECASE)
_ANY_KEY = "'legacy-call:' || gen_random_uuid()"
_ADDS_BY_WORD = "grants; charges or refunds where its word says so"
_LAST_REFUND = (
    "(select t.transaction_id from credits.credit_transactions as t where t.user_id = v_user_id"
    " and t.transaction_type = 'refund' and v_credits > 0 order by t.transaction_id desc limit 1)"
)


def new_body(
    function: Function, plan: Plan, catalog: Catalog | None = None, schema: str = ""
) -> tuple[str, str] | None:
    """What a function of this name will do, in words, and its body; None where we do not know.

    Args:
        function: The old function.
        plan: How the old tables are read.
        catalog: What is in the old schemas: rows of a table are returned where it is known.
        schema: Where the views with the old names are.
    """
    said = set(function.name.lower().split("_"))
    if function.triggered_by:
        return None
    # A function that only reads needs no new body.
    if function.result is None or function.volatility != "v" or said & words.NEITHER:
        return None
    if not said & (words.CREDITS | words.REFUND):
        return None
    arguments = Arguments.of(function, plan)
    answers = Answers(function, plan, catalog, schema, arguments)
    if said & words.RESET and not function.inputs:
        told = Told("true", NULL, NULL, NULL, count="v_credits")
        body = filled("reset", answer=answers.success(told))
        return _told("grants what plans bring this month", answers), body
    if arguments is None:
        return None
    maker = _Maker(function, plan, arguments, answers)
    called = quoted(f"{function.schema}.{function.name}")
    by_word = bool(arguments.kind) and not words.is_purchase(maker.name)
    buckets = Buckets.of(plan)
    moves = bool(by_word and not arguments.is_reason and buckets and buckets.written(function))
    for names, does, statements in (
        (words.REFUND, "refunds a charge once", maker.refunding),
        (words.CHARGE, "charges", maker.charging),
        (words.GRANT, _ADDS_BY_WORD, maker.adding if by_word else None),
        (words.GRANT, "grants", maker.granting),
        (words.MIXED, "charges, grants or refunds", maker.adjusting),
        # A name that tells nothing: record_credit_transaction.
        (said, "charges, grants or refunds", maker.adjusting if moves else None),
    ):
        if said & names and statements:
            if _is_belied(function, plan, names):
                return None
            body = filled("body", user=arguments.user, called=called, statements=statements())
            return _told(does, answers), body
    return None


def _is_belied(function: Function, plan: Plan, names: set[str]) -> bool:
    """Whether the text of a function contradicts what its name says: refund_purchase takes."""
    if only_counts(function, plan):
        return True
    adds, takes = (changes_balance(function, plan, sign) for sign in "+-")
    if names is words.CHARGE:
        return adds and not takes
    return names in (words.REFUND, words.GRANT) and takes and not adds


def _told(does: str, answers: Answers) -> str:
    """What a function does, with the fields of its answer that nobody knows."""
    unknown = ", ".join(sorted(answers.unknown))
    verb = "are" if len(answers.unknown) > 1 else "is"
    return f"{does} ({unknown} {verb} null)" if unknown else does


@dataclass(frozen=True)
class _Maker:
    """Makes the statements of one function's body."""

    function: Function
    plan: Plan
    arguments: Arguments
    answers: Answers

    @property
    def name(self) -> str:
        """The function's name, as lists of words have it."""
        return self.function.name.lower()

    @property
    def _reason(self) -> str:
        says = self.arguments.says
        return f"left({says}::text, 1000)" if says else "null"

    def charging(self, amount: str = "") -> str:
        """Charge a user, and refuse as the old function did where the balance is too low."""
        arguments = self.arguments
        message = _INSUFFICIENT.search(without_comments(self.function.source))
        said = message[1] if message else "Insufficient credits"
        refused = self.answers.refusal(Told("false", self._balance, "0", "0"), said)
        if not refused:
            refused = (
                f"raise exception using message = {quoted(said)}, errcode = 'PT402',"
                " detail = sqlerrm;"
            )
        metadata = "'{}'"
        if arguments.reference:
            # The reference is kept so that a later refund finds this charge.
            metadata = (
                "jsonb_strip_nulls(jsonb_build_object("
                f"'legacy_reference', nullif({arguments.reference}::text, '')))"
            )
        paid = "null;"
        if self.plan.mirrored:
            paid = "perform credits_internal.pay_waiting_task(v_user_id, v_done.transaction_id);"
        moved = self._in_units("(-v_done.credits)")
        return filled(
            "charge",
            amount=amount or arguments.amount,
            reason=self._reason,
            key=f"nullif({arguments.key}::text, '')" if arguments.key else "null",
            metadata=metadata,
            refused=refused,
            paid=paid,
            answer=self.answers.success(
                Told(
                    "true", self._in_units("v_done.balance"), moved, f"(-{moved})",
                    "v_done.transaction_id", "1",
                )
            ),
        )  # fmt: skip

    def granting(self, source: str = "", *, monthly: bool = False) -> str:
        """Grant credits, into the bucket that the call names; monthly ones once a month."""
        arguments = self.arguments
        told = [f"nullif({one}::text, '')" for one in (arguments.key, arguments.reference) if one]
        # Where neither a key nor a reference is passed, each call is a payment of its own.
        otherwise = _ANY_KEY
        expires, priority, metadata = self._bucket_settings()
        if monthly:
            otherwise = (
                "'legacy-month:' || v_word || ':' || to_char(now(), 'YYYY-MM') || ':' || "
                + arguments.amount
            )
            expires = "now() + interval '1 month'"
            # A change of plan brings its credits once, whatever it refers to.
            told = told if words.GRANT & set(self.name.split("_")) else []
        by_name = "'purchase'" if words.is_purchase(self.name) else "'adjustment'"
        moved = self._in_units("v_done.credits")
        return filled(
            "grant",
            choose=self._choose_bucket(),
            amount=arguments.amount,
            source=source or by_name,
            expires=expires,
            priority=priority,
            reason=self._reason,
            key=f"coalesce({', '.join([*told, otherwise])})",
            metadata=metadata,
            answer=self.answers.success(
                Told(
                    "true", self._in_units("v_done.balance"), moved, moved,
                    "v_done.transaction_id", "1",
                )
            ),
        )  # fmt: skip

    def _bucket_settings(self) -> tuple[str, str, str]:
        """When a grant expires, its priority and its metadata, as SQL."""
        buckets = Buckets.of(self.plan)
        if buckets is None or not buckets.are_several:
            return "null", "null", "'{}'"
        return (
            f"({buckets.of_column('v_bucket', 'expires')})::timestamptz",
            buckets.of_column("v_bucket", "priority"),
            "jsonb_strip_nulls(jsonb_build_object('legacy_bucket', v_bucket))",
        )

    def _choose_bucket(self) -> str:
        """The statements that set v_bucket to the column that a grant goes to."""
        buckets = Buckets.of(self.plan)
        if buckets is None or not buckets.are_several:
            return "null;"
        only = buckets.only_written(self.function)
        if not self.arguments.bucket:
            return f"v_bucket := {quoted(only.column)};" if only else "null;"
        return filled(
            "bucket",
            argument=self.arguments.bucket,
            choice=buckets.choice(
                "trim(both '_' from regexp_replace(credits_internal.lower_case("
                f"{self.arguments.bucket}::text), '[^a-z0-9]+', '_', 'g'))"
            ),
        )

    def refunding(self, amount: str = "") -> str:
        """Refund a charge once."""
        arguments = self.arguments
        amount = amount or arguments.amount
        says = f"{arguments.says}::text" if arguments.says else "null"
        reference = arguments.reference or arguments.key
        call = f"refund_unreferenced(v_user_id, {amount}, {says})"
        if reference:
            call = f"refund_legacy_task(v_user_id, {reference}::text, {amount}, {says})"
        moved = self._in_units("v_credits")
        told = Told("v_credits > 0", self._balance, moved, moved, _LAST_REFUND, "1")
        return filled("refund", call=call, answer=self.answers.success(told))

    def adding(self) -> str:
        """Grant, or what the word says why it is called for.

        Whatever the word: a function that adds takes only amounts below 0.
        """
        amount = self.arguments.amount
        return self._by_word(
            charges=f"v_meaning in ('charge', 'unknown', '') and {amount} < 0",
            grants="true",
        )

    def adjusting(self) -> str:
        """Charge, grant or refund, as the word says; without one the sign decides."""
        return self._by_word(
            charges=f"v_meaning = 'charge' or v_meaning = '' and {self.arguments.amount} < 0",
            grants="v_meaning in ('grant', '')",
        )

    def _by_word(self, *, charges: str, grants: str) -> str:
        kind = self.arguments.kind
        positive = f"abs({self.arguments.amount})"
        return filled(
            "adjust",
            kind=f"{kind}::text" if kind else "''",
            meaning=words.meaning(self.plan, is_reason=self.arguments.is_reason),
            charges=charges,
            grants=grants,
            refund=self.refunding(positive),
            charge=self.charging(positive),
            grant_monthly=self.granting(words.source_of_grant(), monthly=True),
            grant=self.granting(words.source_of_grant()),
        )

    def _in_units(self, balance: str) -> str:
        per_unit = self.arguments.per_unit
        return balance if per_unit == 1 else f"({balance}::numeric / {per_unit})"

    @property
    def _balance(self) -> str:
        return self._in_units("(select c.balance from credits.get_user_credits(v_user_id) as c)")
