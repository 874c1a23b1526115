"""What a function under an old name returns: the fields that its callers read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgcredits.adopt.compat.arguments import Buckets, quoted
from pgcredits.adopt.compat.old_answers import LITERAL, OldAnswer
from pgcredits.adopt.compat.templates import filled
from pgcredits.adopt.move import closing
from pgcredits.adopt.plan.model import Balances
from pgcredits.adopt.source.catalog import NUMBERS, TEXTS, TIMES
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from pgcredits.adopt.compat.arguments import Arguments
    from pgcredits.adopt.plan.model import Plan
    from pgcredits.adopt.source.catalog import Catalog, Function

_DONE = re.compile(r"(^|_)(success|succeeded|ok|done|applied|processed|is_success|result)$")
_MOVED = re.compile(
    r"(^|_)(consumed|used|spent|deducted|charged|added|granted|refunded|amount|delta|change)(_|$)"
)
_BEFORE = re.compile(r"(^|_)(previous|old|before|prior)(_|$)")
_BALANCE = re.compile(r"balance|remaining|(^|_)left$|available|credits?$|tokens?$|coins?$|points?$")
_COUNT = re.compile(r"^(count\b|row_count|.*_count$|affected|updated|processed)")
_TRANSACTION = re.compile(r"(^|_)(transaction|txn?|ledger|entry|log|charge|refund|grant)(_?id)?$")
_TIME = re.compile(r"^(now\(\)|current_timestamp|clock_timestamp\(\)|statement_timestamp\(\))$")
_USER = re.compile(r"^(p_)?(user|account|profile|customer|owner)_?id$")
_ERROR = re.compile(r"error|failure|reason")

#: A field that nothing is known of.
NULL = "null"


@dataclass(frozen=True)
class Told:
    """What a body knows when it answers, as SQL.

    Attributes:
        is_done: Whether it did something.
        balance: The balance.
        moved: The amount that was charged, granted or refunded.
        rise: By how much the balance rose.
        transaction_id: The row of the ledger that it made.
        count: How many users or rows it concerned.
    """

    is_done: str
    balance: str
    moved: str
    rise: str
    transaction_id: str = NULL
    count: str = ""


@dataclass
class Answers:
    """The statements with which a function answers, and the fields that are null in them.

    Attributes:
        function: The old function.
        plan: How its tables are read.
        catalog: What is in the old schemas; None = nothing is known but the function.
        schema: Where views with the old names are.
        arguments: What its arguments mean; None = it has none of a user.
        unknown: The fields that are null, by their name.
    """

    function: Function
    plan: Plan
    catalog: Catalog | None
    schema: str
    arguments: Arguments | None
    unknown: set[str] = field(default_factory=set)

    @property
    def _old(self) -> OldAnswer:
        return OldAnswer(self.function)

    @property
    def _result(self) -> str:
        return (self.function.result or "void").strip()

    def success(self, told: Told) -> str:
        """The statement that returns what the old function did at its end."""
        old = self._old
        return self._statement(told, old.success())

    def refusal(self, told: Told, message: str) -> str:
        """The statement for a balance that is too low; empty where the old function raised."""
        old, what = self._old, self._old.refusal()
        lower = self._result.lower()
        if lower in NUMBERS and old.no_number():
            return f"return {old.no_number()};"
        if what is None:
            return ""
        if lower in ("jsonb", "json"):
            extra = {"success": "false", "error": quoted(message)}
            return self._object(told, old.fields(what, refuses=True) or [], extra)
        if lower == "boolean" or self.function.outputs:
            return self._statement(told, what)
        return ""

    def _statement(self, told: Told, what: str) -> str:
        lower = self._result.lower()
        if lower in ("void", "trigger"):
            return "return;"
        if lower in ("jsonb", "json"):
            return self._object(told, self._old.fields(what) or [], {})
        if self.function.outputs:
            return self._columns(told, what)
        row = self._row(told)
        if row:
            return row
        if lower.startswith("setof "):
            value = self._scalar(told, lower[6:], what)
            return f"return query select {value}; return;" if value != NULL else "return;"
        return f"return {self._scalar(told, lower, what)};"

    def _scalar(self, told: Told, type_: str, what: str) -> str:
        expression = self._old.values(what)[0] if what else ""
        if type_ == "boolean":
            return told.is_done
        value = self._value("", type_, expression, told) if expression else None
        if type_ in NUMBERS and (value in (None, NULL) or LITERAL.match(expression)):
            # Of a number that is always the same its callers learn nothing.
            value = told.balance if told.balance != NULL else told.count or NULL
        if value in (None, NULL) and type_ == "uuid":
            value = told.transaction_id
        if value in (None, NULL):
            self.unknown.add("its result")
            return NULL
        return f"({value})::{type_}"

    def _object(self, told: Told, fields: list[tuple[str, str]], extra: dict[str, str]) -> str:
        balance = {"remaining_balance": told.balance, "new_balance": told.balance}
        if extra:
            del balance["new_balance"]
        pairs = {name: self._known(name, "", value, told) for name, value in fields}
        pairs |= {
            name: value
            for name, value in extra.items()
            if name != "error" or pairs.get("error") == NULL
        }
        for name, value in {"success": told.is_done, **extra, **balance}.items():
            pairs.setdefault(name, value)
        said = ", ".join(f"{quoted(name)}, {value}" for name, value in pairs.items())
        return f"return {self._result.lower()}_build_object({said});"

    def _columns(self, told: Told, what: str) -> str:
        outputs = self.function.outputs
        values = self._old.values(what) if what else []
        if len(values) != len(outputs):
            # What is assigned to a column stands under its name.
            values = [name for name, _ in outputs]
        shown = [
            f"({self._known(name, type_, value, told)})::{type_}"
            for (name, type_), value in zip(outputs, values, strict=True)
        ]
        if re.match(r"(setof|table)\b", self._result, re.IGNORECASE):
            return f"return query select {', '.join(shown)}; return;"
        assigned = " ".join(
            f'"{name}" := {value};' for (name, _), value in zip(outputs, shown, strict=True)
        )
        return f"{assigned} return;"

    def _row(self, told: Told) -> str:
        """The statement that returns a row of a table, as the view of its name shows it."""
        name = re.sub(r"^setof\s+", "", self._result, flags=re.IGNORECASE).replace('"', "")
        tables = self.catalog.tables if self.catalog else ()
        table = next((one for one in tables if name in (one.name, str(one))), None)
        part = next((one for one in self.plan.parts if table and one.table == str(table)), None)
        if table is None or part is None or self.arguments is None:
            return ""
        if part.role == "balances":
            where = f'v."{part.user}"::text = {self.arguments.raw_user}::text'
        elif part.role == "history":
            where = f'v."{part.key}"::text = ({told.transaction_id})::text'
        else:
            return ""
        view = f'"{self.schema}"."{table.name}"'
        type_ = f'"{table.schema}"."{table.name}"'
        if isinstance(part, Balances) and part.writable:
            # The view stands in the table's place, and the table is there under another name.
            view, type_ = type_, f'"{self.schema}"."{closing.short(f"old_{table.name}")}"'
        if self._result.lower().startswith("setof "):
            return filled("rows_of_view", view=view, where=where)
        return filled("row_of_view", type=type_, view=view, where=where)

    def _known(self, name: str, type_: str, expression: str, told: Told) -> str:
        value = self._value(name, type_, expression, told)
        if value is None:
            self.unknown.add(name)
            return NULL
        return value

    def _value(self, name: str, type_: str, expression: str, told: Told) -> str | None:
        """A field as SQL, by the old expression and the field's name; None = nobody knows it."""
        found = self._old.resolved(expression, refuses=told.is_done == "false")
        values = (
            self._by_expression(plain(name), found, told),
            self._by_column(name, found, told),
            self._by_name(plain(name), type_, found, told),
            told.is_done if type_ == "boolean" else None,
        )
        return next((one for one in values if one and self._fits(one, type_, told)), None)

    def _fits(self, value: str, type_: str, told: Told) -> bool:
        """Whether a value can be cast to a type: no call may fail by what it seems to return."""
        type_ = type_.partition("(")[0].strip()
        is_known = value == NULL or value.startswith("-- ") or not type_ or type_ in TEXTS
        types = {f"${place}": of for place, _, of in self.function.inputs}
        is_truth = value in ("true", "false", told.is_done)
        fits = type_ in NUMBERS
        if value in types:
            fits = types[value] == type_ or (types[value] in NUMBERS and type_ in NUMBERS)
        elif is_truth or type_ == "boolean":
            fits = is_truth and type_ == "boolean"
        elif value == "now()":
            fits = type_ in TIMES
        elif value == told.transaction_id:
            fits = type_ == "uuid"
        elif value.startswith("'"):
            fits = False
        elif value.startswith("jsonb_build_object"):
            fits = type_ in ("json", "jsonb")
        return is_known or fits

    def _by_expression(self, word: str, found: str, told: Told) -> str | None:
        lower = found.lower()
        if lower == "null":
            return NULL
        if lower in ("true", "false"):
            return told.is_done if _DONE.search(word) else lower
        if LITERAL.match(found):
            return found
        if _TIME.match(lower):
            return "now()"
        if self.arguments and lower in self.arguments.places:
            return self.arguments.places[lower]
        if _COUNT.match(lower) and told.count:
            return told.count
        opened = OldAnswer(self.function).fields(found) if "_build_object" in lower else None
        if opened:
            nested = (f"{quoted(key)}, {self._known(key, '', one, told)}" for key, one in opened)
            return f"jsonb_build_object({', '.join(nested)})"
        return None

    def _by_column(self, name: str, found: str, told: Told) -> str | None:
        """What a column of the balances holds: a bucket of today, or what stayed behind."""
        buckets = Buckets.of(self.plan)
        if buckets is None or self.arguments is None:
            return None
        for one in (found, name):
            bucket = buckets.named(one)
            if bucket:
                several = buckets.are_several
                return self._in_units(buckets.credits(bucket)) if several else told.balance
        column = found.lower()
        table = self.catalog.tables_by_name.get(buckets.part.table) if self.catalog else None
        known = {one.name.lower(): one.name for one in table.columns} if table else {}
        if table is None or column not in known:
            return None
        old = filled(
            "old_value",
            column=f'"{known[column]}"',
            table=f'"{table.schema}"."{table.name}"',
            user=f'"{buckets.part.user}"',
            value=self.arguments.raw_user,
        )
        if re.search(r"consumed|used|spent", plain(column)):
            if "month" in column:
                return None
            return f"(coalesce({old}, 0) + {self._spent()})"
        return old

    def _by_name(self, word: str, type_: str, found: str, told: Told) -> str | None:
        buckets = Buckets.of(self.plan)
        amounts = [name for name, place in self._places if place == self._raw_amount]
        is_amount = any(re.search(rf"\b{re.escape(one)}\b", found.lower()) for one in amounts)
        bucket = buckets.spoken_of(word) if buckets and self.arguments else None
        value: str | None = None
        if _DONE.search(word):
            value = told.is_done
        elif _BEFORE.search(word) and told.rise != NULL:
            value = f"({told.balance} - {told.rise})"
        elif _MOVED.search(word) and (is_amount or not re.search("total|lifetime|month", word)):
            value = told.moved if told.moved != NULL else None
        elif re.search("total|lifetime", word) and _MOVED.search(word) and self.arguments:
            value = self._spent()
        elif bucket and buckets:
            value = self._in_units(buckets.credits(bucket))
        elif _TRANSACTION.search(word) or (word == "id" and type_ in ("uuid", "text", "")):
            value = told.transaction_id if told.transaction_id != NULL else None
        elif _BALANCE.search(word):
            value = told.balance
        elif _COUNT.match(word) and told.count:
            value = told.count
        elif _USER.match(word) and self.arguments:
            value = self.arguments.raw_user
        elif _ERROR.search(word):
            value = NULL
        elif type_ == "boolean":
            value = told.is_done
        return value

    @property
    def _places(self) -> list[tuple[str, str]]:
        return list(self.arguments.places.items()) if self.arguments else []

    @property
    def _raw_amount(self) -> str:
        return self.arguments.raw_amount if self.arguments else ""

    def _in_units(self, credits_: str) -> str:
        per_unit = self.plan.credits_per_unit
        return credits_ if per_unit == 1 else f"({credits_}::numeric / {per_unit})"

    def _spent(self) -> str:
        """What a user has spent since the cut-over, less what came back."""
        return self._in_units(
            "(select coalesce(-sum(t.credits), 0)::bigint from credits.credit_transactions as t"
            " where t.user_id = v_user_id and t.transaction_type in ('deduction', 'refund')"
            " and coalesce(t.idempotency_key, '') not like 'legacy:%')"
        )
