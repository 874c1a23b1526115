"""Read a plan from the TOML file that a person has edited."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, get_args

import msgspec

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.plan import model

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1

#: What each of these settings may be.
CHOICES = {
    "user_ids": get_args(model.UserIds),
    "negatives": get_args(model.Negatives),
    "in_flight": get_args(model.InFlight),
    "unnamed_refunds": get_args(model.UnnamedRefunds),
    "rounding": get_args(model.Rounding),
    "explains": tuple(filter(None, get_args(model.Explains))),
    "sign": get_args(model.Sign),
    "kinds": get_args(model.Kind),
    "statuses": get_args(model.Status),
}
_LISTS = ("balances", "history", "refunds", "tasks", "buckets")
_HINTS = {
    **{setting: f"It is one of {', '.join(words)}." for setting, words in CHOICES.items()},
    **{setting: f"Write [[{setting}]] before each." for setting in _LISTS},
    "close": "It is table or nothing; balances may have columns, too.",
    "schemas": 'Write ["first", "second"].',
}
_SEE = "What may be set is said in the comments of a plan that pgcredits adopt plan writes."


def read_plan(path: Path) -> model.Plan:
    """Read a plan from a file.

    Raises:
        PlanError: It cannot be read, or it has a mistake; the message says which, and where.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(
            f"the plan cannot be read: {error.strerror}: {path}", "Write one: pgcredits adopt plan."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PlanError(f"{path} is not TOML: {error}", "Correct it there.") from None
    if document.pop("version", None) != VERSION:
        raise PlanError(
            f"{path}: version is not {VERSION}", "Write a new plan: pgcredits adopt plan."
        )
    try:
        return msgspec.convert(document, model.Plan)
    except msgspec.ValidationError as error:
        raise PlanError(f"{path}: {error}", _hint(str(error))) from None


def _hint(message: str) -> str:
    """How to correct the setting whose path ends the message, as `$.tasks[0].statuses[...]`."""
    setting = re.search(r"(\w+)(\[\.\.\.\])?`$", message)
    return _HINTS.get(setting[1], _SEE) if setting else _SEE
