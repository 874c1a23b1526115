"""What the arguments of an older system's function mean, by their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import NUMBERS
from pgcredits.adopt.source.vocabulary import plain
from pgcredits.adopt.source.writers import without_comments

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Balances, Bucket, Plan
    from pgcredits.adopt.source.catalog import Function

_USER = re.compile(r"(^|_)(user|account|profile|customer|owner|member|uid)(_?id|_uuid)?$")
_AMOUNT = re.compile(r"(^|_)(credits?|amount|tokens?|coins?|points?|qty|quantity|delta)$")
#: Arguments that have the same value when the call for one charge or payment is repeated.
_KEY = re.compile(r"(^|_)(idempotency|request)(_id|_key)?$")
_REFERENCE = re.compile(
    r"(^|_)(task|job|generation|ref|reference|transaction|payment|order|invoice|charge|intent"
    r"|session|event|external|video|image|render|prediction|resource)"
    r"(_id|_key|_ref|_uuid|_intent)*$"
)
_WORDS = re.compile(r"reason|descr|type|note|comment")
_KIND = re.compile(r"type|kind|source|action|operation|category")
_BUCKET = re.compile(r"(^|_)(bucket|pool|wallet|balance_type|credits?_type|bucket_type)(_name)?$")
#: What a kind, a bucket and words are not.
_NO_WORDS = (*NUMBERS, "uuid", "boolean", "jsonb", "json", "timestamp with time zone", "date")

#: The user of a call, from the argument that names them, by a plan's user_ids. Users who come later
#: are registered, too.
_USERS = {
    "uuid": "{}::text::uuid",
    "external": "credits.register_user({}::text)",
    "md5": "credits_internal.remember_user(md5({0}::text)::uuid, {0}::text)",
}
#: Words in the name of a bucket's column that do not tell it from others.
_COMMON = re.compile(r"^(credits?|balance|tokens?|coins?|remaining|left|available|current|user)$")


@dataclass(frozen=True)
class Arguments:
    """What each argument of a function means: its place as $1, $2 ..., by meaning.

    Attributes:
        user: The user, as pgcredits knows them.
        raw_user: The user as they were passed.
        amount: The amount in credits.
        raw_amount: The amount as it was passed.
        key: What is the same when a call is repeated; this and those below may be empty.
        reference: What the call is about: a task, a payment.
        says: A reason in words.
        kind: A word that says what the call does.
        is_reason: Whether kind is only a reason, whose first word counts.
        bucket: The word of the bucket that it concerns.
        places: The place of each argument by its name in lower case.
        per_unit: How many credits one unit of an amount is.
    """

    user: str
    raw_user: str
    amount: str
    raw_amount: str
    key: str
    reference: str
    says: str
    kind: str
    is_reason: bool
    bucket: str
    places: dict[str, str]
    per_unit: int

    @classmethod
    def of(cls, function: Function, plan: Plan) -> Arguments | None:
        """The meaning of its arguments; None where they name no user or no amount."""
        inputs = [
            (f"${place}", name.lower(), type_) for place, name, type_ in function.inputs if name
        ]

        def find(pattern: re.Pattern[str], *, words: bool = False, but: str = "") -> str:
            return next(
                (
                    place
                    for place, name, type_ in inputs
                    if pattern.search(name) and place != but and not (words and type_ in _NO_WORDS)
                ),
                "",
            )

        user = find(_USER)
        amount = next(
            (place for place, name, type_ in inputs if _AMOUNT.search(name) and type_ in NUMBERS),
            "",
        )
        if not user or not amount:
            return None
        bucket = find(_BUCKET, words=True)
        kind = find(_KIND, words=True, but=bucket)
        says = find(_WORDS, words=True)
        return cls(
            user=_USERS[plan.user_ids].format(user),
            raw_user=user,
            amount=f"credits_internal.legacy_credits({amount}::numeric, {plan.credits_per_unit})",
            raw_amount=amount,
            key=find(_KEY),
            reference=find(_REFERENCE),
            says=says,
            kind=kind or says,
            is_reason=not kind,
            bucket=bucket,
            places={name: place for place, name, _ in inputs},
            per_unit=plan.credits_per_unit,
        )


def quoted(text: str) -> str:
    """A text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def array_of(texts: list[str] | tuple[str, ...]) -> str:
    """Texts as an array."""
    return f"array[{', '.join(map(quoted, texts))}]::text[]"


@dataclass(frozen=True)
class Buckets:
    """The columns among which an older system parts a user's credits."""

    part: Balances

    @classmethod
    def of(cls, plan: Plan) -> Buckets | None:
        """Those of the plan's first table of balances; None where no column holds credits."""
        return next((cls(part) for part in plan.balances if not part.summed), None)

    @property
    def are_several(self) -> bool:
        """Whether there is more than one."""
        return len(self.part.buckets) > 1

    def named(self, name: str) -> Bucket | None:
        """The bucket of a column."""
        return next((one for one in self.part.buckets if one.column.lower() == name.lower()), None)

    def spoken_of(self, name: str) -> Bucket | None:
        """The one bucket that a name tells of: remaining_purchased is of purchased_credits."""
        word = plain(name)
        for pattern in (vocabulary.PURCHASED, vocabulary.MONTHLY):
            if pattern.search(word):
                found = [one for one in self.part.buckets if pattern.search(plain(one.column))]
                if pattern is vocabulary.MONTHLY:
                    found = [
                        one
                        for one in found or self.part.buckets
                        if not vocabulary.PURCHASED.search(plain(one.column))
                    ]
                return found[0] if len(found) == 1 and self.are_several else None
        return None

    def choice(self, word: str) -> str:
        """The column that a word of a call names, as SQL; null for any other word."""
        known: dict[str, str] = {}
        for bucket in self.part.buckets:
            column = plain(bucket.column)
            short = "_".join(one for one in column.split("_") if not _COMMON.match(one))
            for name in (column, short):
                if name:
                    known.setdefault(name, bucket.column)
        whens = " ".join(
            f"when {quoted(name)} then {quoted(column)}" for name, column in known.items()
        )
        return f"case {word} {whens} end"

    def written(self, function: Function) -> list[Bucket]:
        """The buckets that a function writes."""
        source = without_comments(function.source).lower().replace('"', "")
        return [
            one
            for one in self.part.buckets
            if re.search(rf"(\bset\s+|,\s*)(\w+\.)?{re.escape(one.column.lower())}\s*=", source)
        ]

    def only_written(self, function: Function) -> Bucket | None:
        """The one bucket that a function writes, where there are several."""
        found = self.written(function)
        return found[0] if len(found) == 1 and self.are_several else None

    def of_column(self, column: str, value_of: str) -> str:
        """A setting of each bucket, as SQL, by an expression for the column."""
        whens = " ".join(
            f"when {quoted(one.column)} then "
            + (self.expiry(one) if value_of == "expires" else str(one.priority))
            for one in self.part.buckets
        )
        return f"case {column} {whens} end"

    @staticmethod
    def expiry(bucket: Bucket) -> str:
        """When credits expire that come into a bucket now, as SQL."""
        return "null" if bucket.expires == "never" else "now() + interval '1 month'"

    def credits(self, bucket: Bucket) -> str:
        """What a user has in a bucket and in those that it includes, as SQL."""
        lasting = ", ".join(str(one.expires == "never").lower() for one in self.part.buckets)
        return (
            "credits_internal.legacy_bucket_credits(v_user_id, "
            f"{quoted(self.part.table)}, {array_of([one.column for one in self.part.buckets])}, "
            f"array[{lasting}], {array_of([bucket.column, *bucket.parts])})"
        )
