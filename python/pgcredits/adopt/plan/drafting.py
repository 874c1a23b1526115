"""Write a plan as TOML, with comments that say what may be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import tomlkit

from pgcredits.adopt.plan.model import Bucket
from pgcredits.adopt.plan.reading import CHOICES, VERSION
from pgcredits.adopt.source.vocabulary import UNKNOWN
from pgcredits.adopt.source.writers import bare_name
from pgcredits.printable import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tomlkit.items import AoT, Table

    from pgcredits.adopt.inspect.discovery import Discovery

_TOP = """How pgcredits adopt run would move this credit system over. Read it, and change what is
wrong: whatever is left open here stops the run before it has done anything.
"""
_COMMENTS = {
    "user_ids": "uuid: users' ids are uuids. external: they become credits.user_id(id::text).",
    "credits_per_unit": "100 where balances have two decimals, and one hundredth is a credit.",
    "negatives": "Buckets below 0. zero: forgive each. stop: do nothing until there are none.",
    "in_flight": "Tasks that have not ended. adopt: they stay in flight. owe: failed, refund owed.",
    "stuck_after_days": "Tasks in flight for longer count as timed out; their refund is owed.",
    "unnamed_refunds": "Refunds that name no task. count: against the user's oldest failures.",
    "rounding": "nearest: round each balance to whole credits. refuse: stop.",
    "accept_difference": "Credits by which users may differ from what the history says.",
    "undecided": "Answer each with the settings that it names, and remove it: it stops the run.",
    "includes": "These are part of it, and keep their own expiry.",
    "void": "Rows whose status is one of these did not happen.",
    "dead": "Rows in which it is set do not count.",
    "accounts": "The accounts that user names: their table, its key, its column with the user.",
    "sums": "Further histories that count in the sum.",
    "opening": "What each user had before the first row.",
    "explains": "What run proves the balances by: balances, month (since the reset), or nothing.",
    "close": "The cut-over refuses each write (table), changes of credits (columns), or nothing.",
    "replaces": "Triggers that would fail after the cut-over: it disables them.",
    "expires": "never, next_reset, or the column with its time.",
    "tier": "Its words put users on the plans below; without this line they have no plan.",
    "tiers": "Which plan in credits.plans each word stands for; word/200: those promised 200.",
    "sign": "stored: amounts have it. kind, both: the kind gives it. columns: credit - debit.",
    "kinds": f'What the words mean: {", ".join(CHOICES["kinds"])}. "" is for null.',
    "statuses": f'What the words mean: {", ".join(CHOICES["statuses"])}. "" is for null.',
}


def draft(discovery: Discovery) -> str:
    """The plan that was discovered, as a file to edit."""
    document = tomlkit.document()
    for line in (*_TOP.strip().splitlines(), "", f"Found: {discovery.shape}."):
        document.add(tomlkit.comment(line))
    for line in _remarks(discovery):
        document.add(tomlkit.comment(harmless(line)))
    document.add(tomlkit.nl())
    document.add("version", tomlkit.item(VERSION))
    for name, value in _settings(discovery.plan):
        if _is_parts(value):
            document.add(name, _parts(value))
        else:
            document.add(name, _item(name, value))
    return tomlkit.dumps(document)


def _remarks(discovery: Discovery) -> Iterator[str]:
    yield discovery.proof
    yield from discovery.reasons
    for line in discovery.to_do:
        yield f"TO DO: {line}"
    for line in discovery.asides:
        yield f"Left aside: {line}."
    for table, why in discovery.not_understood:
        yield f"TO DO: {table} is not understood: {why}. Describe it below, or, where it keeps no"
        yield f"credits: not_credits = [{_quoted(table)}]"
    for function, table in discovery.failing:
        yield f"TO DO: {function} will fail, and so will writes to {table}: move it, or accept it:"
        yield f"accept_failing = [{_quoted(bare_name(function))}]"

    if discovery.unused:
        yield "Nothing in the database uses these. If your application does not either, then this"
        yield "lets adopt cleanup remove them:"
        yield "unused = ["
        for one in discovery.unused:
            yield f"{_quoted(one.name)},"
        yield "]"


def _quoted(text: str) -> str:
    return tomlkit.item(text).as_string()


def _settings(part: Any) -> list[tuple[str, Any]]:
    """The settings of a part and their values; nested parts last, as TOML requires."""
    found = [(one.name, getattr(part, one.name)) for one in msgspec.structs.fields(part)]
    kept = [(name, value) for name, value in found if not _is_left_out(name, value)]
    return sorted(kept, key=lambda pair: _is_parts(pair[1]) or isinstance(pair[1], dict))


def _is_left_out(name: str, value: Any) -> bool:
    return value in ("", (), {}, None, False) or (name, value) == ("rounding", "refuse")


def _is_parts(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(one, msgspec.Struct) for one in value)


def _parts(parts: tuple[Any, ...]) -> AoT:
    made = tomlkit.aot()
    for part in parts:
        made.append(_part(part))
    return made


def _part(part: Any) -> Table:
    made = tomlkit.table()
    for name, value in _settings(part):
        if _is_parts(value):
            made.add(name, _parts(value))
        elif isinstance(value, dict):
            made.add(name, _meanings(name, value))
        elif not (isinstance(part, Bucket) and name == "priority" and value == 100):
            made.add(name, _item(name, value))
    return made


def _meanings(name: str, words: dict[str, str]) -> Table:
    made = tomlkit.table()
    made.add(tomlkit.comment(_COMMENTS[name]))
    for word, meaning in words.items():
        if meaning == UNKNOWN:
            made.add(tomlkit.comment(f'{tomlkit.key(word).as_string()} = "?"'))
        else:
            made.add(word, meaning)
    return made


def _item(name: str, value: Any) -> Any:
    item = tomlkit.item(list(value) if isinstance(value, tuple) else value)
    if name in _COMMENTS:
        item.comment(_COMMENTS[name])
    return item
