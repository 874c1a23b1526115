"""Several rows a user: lots with a remainder each, or kinds of credits, which are no lots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.adopt.inspect.recognising import Reading, dead_column
from pgcredits.adopt.plan.model import Balances, Bucket
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import first_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgcredits.adopt.inspect.recognising import UsersTable, WordsOf
    from pgcredits.adopt.source.catalog import Column, Table

    #: Whether in each row of a table one column lies between 0 and another, and there is a row.
    WithinOf = Callable[[Table, str, str], bool]

_KINDS = "it keeps several kinds of credits, which do not add up"


def as_lots(old: UsersTable, within: WithinOf) -> Reading | None:
    """A row for each purchase or allowance: what is left of it, and mostly when that ends."""
    expires = first_column(old.table, vocabulary.EXPIRES)
    left = _left(old) or (_balance(old) if expires else None)
    if left is None or old.user.is_unique or vocabulary.USERS_TABLE.match(old.table.word):
        return None
    given = next(
        (one for one in old.table.columns if _counts(one, old) and one is not left
         and vocabulary.GIVEN.search(one.word) and not vocabulary.NOT_GIVEN.search(one.word)),
        None,
    )  # fmt: skip
    ends = expires is not None and expires.is_time
    # A remainder without an end may also be the balance after a step of a history.
    if not ends and not (given and within(old.table, left.name, given.name)):
        return None
    lots = Balances(
        table=str(old.table),
        key=old.key.name,
        user=old.user.name,
        buckets=(Bucket(left.name, expires=expires.name if ends and expires else "never"),),
        dead=dead_column(old.table),
    )
    because = (
        "several rows a user",
        f"{left.name} is what is left of each",
        f"{expires.name} says when it ends" if ends and expires else None,
    )
    return Reading(lots, because)


def kinds_in_columns(table: Table) -> str:
    """Why the columns of a table hold credits of several kinds; empty = they do not."""
    held = [
        column
        for column in table.columns
        if column.is_number
        and vocabulary.BALANCE.match(column.word)
        and not vocabulary.NOT_BALANCE.search(column.word)
    ]
    units = {word.rstrip("s") for one in held for word in one.word.split("_")
             if vocabulary.UNITS.match(word)}  # fmt: skip
    if len(held) > 1 and (len(units) > 1 or any(map(is_special, held))):
        return f"{_KINDS}: {', '.join(column.name for column in held)}"
    return ""


def is_special(column: Column) -> bool:
    """Whether a word in its name says what its credits are good for."""
    name = vocabulary.ORIGINS.sub("_", column.word)
    return not all(
        vocabulary.UNITS.match(word)
        or vocabulary.NO_KIND.match(word)
        or vocabulary.PURCHASED.search(word)
        or vocabulary.MONTHLY.search(word)
        for word in filter(None, name.split("_"))
    )


def keeps_remainders(table: Table) -> bool:
    """Whether its rows seem to say what is left of something."""
    return any(
        column.is_number and (is_left(table, column) or column.word.endswith("balance"))
        for column in table.columns
    )


def kinds_in_rows(
    table: Table, words_of: WordsOf, names: Iterable[str] = vocabulary.CREDIT_KIND
) -> str:
    """Why the rows of a table hold credits of several kinds; empty = they do not."""
    kind = first_column(table, names)
    if kind is None or not kind.is_word:
        return ""
    words = [word for word in words_of(table, kind.name, "") if word]
    strange = [
        word
        for word in words
        if vocabulary.kind_of(word) == "other"
        and not vocabulary.ORIGINS.search(vocabulary.plain(word))
    ]
    if strange and len(words) > 1:
        return f"{_KINDS}: {kind.name} is {', '.join(words[:5])}"
    return ""


def rest_of_what(table: Table) -> str:
    """Why what is left of its rows is not read; empty = nothing with an end is left of them."""
    ends = first_column(table, vocabulary.EXPIRES)
    left = next(
        (one.name for one in table.columns
         if one.is_number and vocabulary.LEFT_OF_IT.match(one.word)),
        "",
    )  # fmt: skip
    if not (ends and left) or is_left(table, table.by_name[left]):
        return ""
    if vocabulary.KEYS.search(table.word):
        return ""
    return f"{left} is what is left of something, and nothing says of what"


def why_no_lots(table: Table, words_of: WordsOf) -> str:
    """Why its rows cannot come over as lots of credits; empty = they can."""
    status = first_column(table, vocabulary.STATUS)
    if status and status.is_word:
        for word in words_of(table, status.name, ""):
            if word and not vocabulary.LIVE.search(vocabulary.plain(word)):
                return f"nothing says whether credits count where {status.name} is {word}"
    active = first_column(table, vocabulary.ACTIVE)
    if active and active.type == "boolean" and "false" in words_of(table, active.name, ""):
        return f"nothing says whether credits count where {active.name} is false"
    period = first_column(table, vocabulary.PERIOD)
    if period and first_column(table, vocabulary.EXPIRES) is None:
        return f"each row is of a {period.name}, and nothing says when its credits end"
    return kinds_in_rows(table, words_of)


def _balance(old: UsersTable) -> Column | None:
    return next(
        (one for one in old.table.columns if _counts(one, old) and one.word.endswith("balance")
         and not vocabulary.NOT_BALANCE.search(one.word)),
        None,
    )  # fmt: skip


def _left(old: UsersTable) -> Column | None:
    return next(
        (one for one in old.table.columns if _counts(one, old)
         and is_left(old.table, one)),
        None,
    )  # fmt: skip


def is_left(table: Table, column: Column) -> bool:
    """Whether a column says how many credits are left."""
    return bool(
        vocabulary.LEFT.match(column.word)
        or (
            vocabulary.LEFT_OF_IT.match(column.word)
            and vocabulary.LOTS.search(table.word)
            and not vocabulary.KEYS.search(table.word)
        )
    )


def _counts(column: Column, old: UsersTable) -> bool:
    """Whether it can be a number of credits."""
    return (
        column.is_number
        and column.name not in (old.key.name, old.user.name)
        and column.refers_to is None
        and not column.word.endswith("_id")
    )
