"""Fingerprints of what a plan says of a table. Databases keep them: a later release must know them.

A fingerprint is of what is meant, not of how a plan is written or a program keeps it: its version,
and the SHA-256 of JSON with sorted keys. What is neutral is left out, so that a setting which a
later release adds changes no fingerprint of a plan that does not use it.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgcredits.adopt.plan.model import Part, Plan

VERSION = "2"
#: What says nothing, beside what is empty. Frozen: where the default of a setting changes, what was
#: neutral stays so, and the new default is written.
_NEUTRAL = {
    "user_ids": "uuid",
    "credits_per_unit": 1,
    "rounding": "refuse",
    "expires": "never",
    "priority": 100,
    "sign": "kind",
    "close": "table",
    "opening": 0,
}
#: Lists whose order means nothing.
_UNORDERED = ("parts", "buckets", "includes", "void", "sums")
#: Settings that say nothing of how a table is read: they may change after it was cut over.
_AFTERWARDS = ("writable", "replaces")
#: A single name stands for a list of one.
_LISTS = ("includes", "reference")

#: Before version 2 a fingerprint was of Python's text for the settings, in this order: those that
#: 0.1.0 knew always, those of `_LATER` where they were set, and no others.
_OF_0_1_0 = {
    "Bucket": ("column", "expires", "priority", "unit_price_usd"),
    "Balances": ("table", "key", "user", "buckets", "reset", "tier", "allowance", "summed",
                 "close", "tiers"),
    "History": ("table", "key", "user", "at", "amount", "credit", "debit", "sign", "kind", "after",
                "reference", "cost", "close", "kinds"),
    "Refunds": ("table", "key", "user", "task", "credits", "close"),
    "Tasks": ("table", "key", "user", "credits", "status", "created", "finished", "provider",
              "type", "task_ids", "cost", "error_type", "error_message", "refunded_flag",
              "refunded_credits", "refunded_at", "refunded_status", "close", "statuses"),
}  # fmt: skip
_LATER: dict[str, dict[str, Any]] = {
    "Bucket": {"includes": ()},
    "Balances": {"dead": ""},
    "History": {"status": "", "void": (), "dead": "", "opening": 0, "explains": ""},
    "Refunds": {"status": "", "void": (), "dead": ""},
    "Tasks": {},
}  # fmt: skip


def fingerprint(plan: Plan, part: Part) -> str:
    """What the plan says of a table; another one if the table would be read otherwise."""
    said = {
        "role": part.role,
        "parts": _of_table(plan, part),
        "user_ids": plan.user_ids,
        "credits_per_unit": plan.credits_per_unit,
        "rounding": plan.rounding,
    }
    return f"{VERSION}:{hashlib.sha256(_canonical(_meant(said)).encode()).hexdigest()}"


def earlier_fingerprint(plan: Plan, part: Part) -> str:
    """The same as 0.1.0 wrote it, and what came before version 2."""
    parts = ", ".join(_as_python_said(one) for one in _of_table(plan, part))
    said = f"([{parts}], {plan.user_ids!r}, {plan.credits_per_unit!r})"
    if plan.rounding != "refuse":
        said += plan.rounding
    return hashlib.sha256(said.encode()).hexdigest()


def _of_table(plan: Plan, part: Part) -> list[Part]:
    return [one for one in plan.parts if (one.table, one.role) == (part.table, part.role)]


def _meant(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that say something, each in the one form that means it."""
    found = {name: _value(name, value) for name, value in settings.items()}
    return {
        name: value
        for name, value in found.items()
        if name not in _AFTERWARDS
        and value is not None and value is not False and value not in ("", [], {})
        and value != _NEUTRAL.get(name)
    }  # fmt: skip


def _value(name: str, value: Any) -> Any:
    if isinstance(value, Struct):
        return _meant({one.name: getattr(value, one.name) for one in fields(value)})
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if name in _LISTS and isinstance(value, str):
        value = [value] if value else []
    if isinstance(value, (list, tuple)):
        listed = [_value("", one) for one in value]
        return sorted(listed, key=_canonical) if name in _UNORDERED else listed
    return dict(value) if hasattr(value, "keys") else value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _as_python_said(settings: Any) -> str:
    kind = type(settings).__name__
    later = _LATER[kind]
    names = [*_OF_0_1_0[kind], *(name for name in later if getattr(settings, name) != later[name])]
    said = ", ".join(f"{name}={_python(getattr(settings, name))}" for name in names)
    return f"{kind}({said})"


def _python(value: Any) -> str:
    if isinstance(value, Struct):
        return _as_python_said(value)
    if isinstance(value, tuple):
        inner = ", ".join(_python(one) for one in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)
