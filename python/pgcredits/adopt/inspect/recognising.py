"""What a table with a user's column would be read as: by the names and types of its columns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from pgcredits.adopt.plan.model import Balances, Bucket, History, Refunds, Tasks
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import first_column
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgcredits.adopt.plan.model import Part, Sign
    from pgcredits.adopt.source.catalog import Column, Table

    #: The rows of words_of_column.sql by their word, for a column and the amount beside it.
    WordsOf = Callable[[Table, str, str], dict[str, Any]]


@dataclass(frozen=True)
class UsersTable:
    """A table whose rows belong to users, and can be told apart.

    Attributes:
        table: The table.
        key: What tells its rows apart.
        user: Whose they are.
        is_one_each: Whether no user has two rows, be that required or only so.
    """

    table: Table
    key: Column
    user: Column
    is_one_each: bool

    def first(self, names: Iterable[str]) -> str:
        """The first of these columns that it has; empty = it has none."""
        return _name(first_column(self.table, names))

    def all(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these columns that it has."""
        by_word = self.table.by_word
        return tuple(by_word[name].name for name in names if name in by_word)


@dataclass(frozen=True)
class Reading:
    """How a table would be read.

    Attributes:
        part: The part of the plan that says so.
        because: Why it would be read so.
    """

    part: Part
    because: tuple[str | None, ...]


def read_as(old: UsersTable, words_of: WordsOf) -> Reading | None:
    """How a table would be read; None = it seems to have nothing to do with credits."""
    return (
        _as_refunds(old, words_of)
        or _as_tasks(old, words_of)
        or _as_entries(old)
        or _as_amounts(old, words_of)
        or _as_balances(old, words_of)
    )


def _as_refunds(old: UsersTable, words_of: WordsOf) -> Reading | None:
    table = old.table
    task = old.first((*vocabulary.TASK, "reference_id", "resource_id"))
    amount = first_column(table, (*vocabulary.REFUNDED_CREDITS, "credits", "amount"))
    if not (task and amount and amount.is_number and "refund" in table.word):
        return None
    status, words = _status_of(old, words_of)
    # One that is still to come has not come back.
    never = (*vocabulary.VOID, *vocabulary.NOT_YET)
    void = tuple(word for word in words if plain(word) in never)
    return Reading(
        Refunds(
            table=str(table),
            key=old.key.name,
            user=old.user.name,
            task=task,
            credits=amount.name,
            status=status if void else "",
            void=void,
            dead=dead_column(table),
        ),
        ("it is called so", f"{task} says of what", amount.name),
    )


def _as_tasks(old: UsersTable, words_of: WordsOf) -> Reading | None:
    table = old.table
    task_ids = old.all(vocabulary.TASK_IDS)
    if vocabulary.SHOP.search(table.word) and not (vocabulary.WORK.search(table.word) or task_ids):
        return None
    status = first_column(table, vocabulary.STATUS)
    charged = first_column(table, vocabulary.CHARGED)
    if not (status and status.is_word and charged and charged.is_number):
        return None
    # A history may have a column with a status, too: its amounts tell it from tasks.
    if old.first(("transaction_type", "balance_after", "delta", "amount")):
        return None
    # A word whose meaning we do not know is unknown; the plan's file asks for it in a comment.
    statuses: dict[str, Any] = {
        word: vocabulary.status_of(word) for word in words_of(table, status.name, "")
    }
    flag = first_column(table, vocabulary.REFUNDED_FLAG)
    tasks = Tasks(
        table=str(table),
        key=old.key.name,
        user=old.user.name,
        credits=charged.name,
        status=status.name,
        statuses=statuses,
        created=old.first(vocabulary.AT),
        finished=old.all(vocabulary.FINISHED),
        provider=old.first(vocabulary.PROVIDER),
        type=old.first(vocabulary.TASK_TYPE),
        task_ids=task_ids,
        cost=old.first(vocabulary.COST),
        error_type=old.first(vocabulary.ERROR_TYPE),
        error_message=old.first(vocabulary.ERROR_MESSAGE),
        refunded_flag=flag.name if flag and flag.type == "boolean" else "",
        refunded_credits=old.first(vocabulary.REFUNDED_CREDITS),
        refunded_at=old.first(vocabulary.REFUNDED_AT),
        refunded_status=old.first(vocabulary.REFUNDED_STATUS),
    )
    because = (
        f"{status.name} says where each stands",
        f"{charged.name} says what it cost",
        "providers' ids are there" if task_ids else None,
    )
    return Reading(tasks, because)


def _as_entries(old: UsersTable) -> Reading | None:
    """A history with one column for credits that came, and one for those that went."""
    credit = first_column(old.table, vocabulary.CREDIT)
    debit = first_column(old.table, vocabulary.DEBIT)
    if old.user.is_unique or not (credit and debit and credit.is_number and debit.is_number):
        return None
    at = old.first(vocabulary.AT)
    history = History(
        table=str(old.table),
        key=old.key.name,
        user=old.user.name,
        at=at,
        credit=credit.name,
        debit=debit.name,
        sign="columns",
        reference=old.all(vocabulary.REFERENCE),
        dead=dead_column(old.table),
    )
    return Reading(history, (f"{credit.name} and {debit.name}", at))


def _as_amounts(old: UsersTable, words_of: WordsOf) -> Reading | None:
    """A history with one column of amounts."""
    table = old.table
    at = old.first(vocabulary.AT)
    amount = first_column(table, vocabulary.AMOUNT)
    if old.user.is_unique or not (amount and amount.is_number and at):
        return None
    kind = first_column(table, vocabulary.KIND)
    after = old.first(vocabulary.AFTER)
    found = words_of(table, kind.name, amount.name) if kind and kind.is_word else {}
    kinds: dict[str, Any] = {word: vocabulary.kind_of(word) for word in found}
    is_named = re.search(r"credit|ledger|token", table.word) or "credit" in amount.word
    # A table of payments has only amounts that come in; where some words mean charges, the amounts
    # are credits.
    is_spent = "charge" in kinds.values()
    if not (is_named or after or is_spent):
        return None
    if _tells_of_usage(table, amount) and not {"grant", "refund"} & set(kinds.values()):
        # What was used says for what.
        kinds = {word: "charge" if said == "other" else said for word, said in kinds.items()}
    signs = () if kind or after else _signs_of(old, amount, words_of)
    if signs == (False,):
        return _as_one_way(old, amount, at, words_of)
    if not (kind or after or signs):
        return None
    sign = _sign(amount, kinds, found)
    if sign == "kind":
        # The kind gives the sign: a person must explain each word that may mean anything.
        kinds = {
            word: vocabulary.UNKNOWN if meaning == "other" else meaning
            for word, meaning in kinds.items()
        }
    history = History(
        table=str(table),
        key=old.key.name,
        user=old.user.name,
        at=at,
        amount=amount.name,
        sign=sign,
        kind=kind.name if kinds and kind else "",
        kinds=kinds,
        after=after,
        reference=old.all(vocabulary.REFERENCE),
        cost=old.first(vocabulary.COST),
        dead=dead_column(table),
    )
    because = (
        f"{amount.name} says how many",
        f"{kind.name} says what happened" if kind else None,
        f"{after} is the balance then" if after else None,
    )
    return Reading(_with_status(old, history, words_of), because)


def _with_status(old: UsersTable, history: History, words_of: WordsOf) -> History:
    """The same reading, where rows have a status with that: some of them did not happen."""
    status, words = _status_of(old, words_of)
    if all(plain(word) in vocabulary.HAPPENED for word in words):
        return history
    void = tuple(word for word in words if plain(word) in vocabulary.VOID)
    return replace(history, status=status, void=void)


def _signs_of(old: UsersTable, amount: Column, words_of: WordsOf) -> tuple[bool, ...]:
    """Whether amounts are below 0: both, one of these, or neither where there is none."""
    found = words_of(old.table, "", amount.name).values()
    are_below = any(row.negative for row in found)
    are_above = any(row.negative < row.rows for row in found)
    return tuple(one for one, there_is in ((True, are_below), (False, are_above)) if there_is)


def _tells_of_usage(table: Table, amount: Column) -> bool:
    """Whether names say that each row of a history is a charge."""
    return bool(
        vocabulary.USAGE_LOG.search(table.word) or vocabulary.AMOUNT_USED.search(amount.word)
    )


def _as_one_way(old: UsersTable, amount: Column, at: str, words_of: WordsOf) -> Reading | None:
    """A history whose rows are all charges, or all grants, as its name says."""
    is_usage = _tells_of_usage(old.table, amount)
    if not is_usage and not vocabulary.GRANT_LOG.search(f"{old.table.word}_{amount.word}"):
        return None
    history = History(
        table=str(old.table),
        key=old.key.name,
        user=old.user.name,
        at=at,
        credit="" if is_usage else amount.name,
        debit=amount.name if is_usage else "",
        sign="columns",
        reference=old.all(vocabulary.REFERENCE),
        dead=dead_column(old.table),
    )
    went = "went" if is_usage else "came"
    return Reading(
        _with_status(old, history, words_of), (f"{amount.name} says how many {went}", at)
    )


def _as_balances(old: UsersTable, words_of: WordsOf) -> Reading | None:
    table = old.table
    is_users_own = any(
        names.match(table.word) for names in (vocabulary.USERS_TABLE, vocabulary.GROUPS_TABLE)
    )
    held = [column for column in table.columns if _is_balance(column, old)]
    if not held or not (old.is_one_each or is_users_own):
        return None
    reset = old.first(vocabulary.RESET)
    tier = first_column(table, vocabulary.TIER)
    tiers = words_of(table, tier.name, "") if tier and tier.is_word else {}
    tiers.pop("", None)
    balances = Balances(
        table=str(table),
        key=old.key.name,
        user=old.user.name,
        buckets=tuple(bucket_of(column, table, has_others=len(held) > 1) for column in held),
        reset=reset,
        tier=_name(tier) if tiers else "",
        tiers={word: word for word in tiers},
        allowance=old.first(vocabulary.ALLOWANCE),
        dead=dead_column(table),
        # A table of users has more columns than credits: others must stay writable.
        close="columns" if is_users_own else "table",
    )
    because = (
        "one row for each user" if old.is_one_each else "users' own rows",
        ", ".join(column.name for column in held),
        f"{reset} says when it is filled" if reset else None,
    )
    return Reading(balances, because)


def _status_of(old: UsersTable, words_of: WordsOf) -> tuple[str, tuple[str, ...]]:
    """The column that says whether a row happened, and its words; empty = there is none."""
    column = first_column(old.table, vocabulary.DONE)
    if column is None or not (column.is_word or column.type == "boolean"):
        return "", ()
    return column.name, tuple(words_of(old.table, column.name, ""))


def _is_balance(column: Column, old: UsersTable) -> bool:
    if not column.is_number:
        return False
    return vocabulary.counts_purchased(column.word) or bool(
        column.name not in (old.user.name, old.key.name)
        and vocabulary.BALANCE.match(column.word)
        and not vocabulary.NOT_BALANCE.search(column.word)
    )


def may_hold(column: Column) -> bool:
    """Whether a column may hold credits, whatever its name alone says."""
    return column.is_number and bool(
        vocabulary.HELD_IF_SHOWN.search(column.word)
        and not vocabulary.NEVER_HELD.search(column.word)
    )


def bucket_of(column: Column, table: Table, *, has_others: bool) -> Bucket:
    """The bucket that a column of a table would be, and when its credits expire."""
    reset = _name(first_column(table, vocabulary.RESET))
    expires = _name(first_column(table, vocabulary.EXPIRES))
    if vocabulary.PURCHASED.search(column.word):
        return Bucket(column.name)
    if vocabulary.CREDITS_END.search(plain(expires)):
        return Bucket(column.name, expires=expires)
    if not (has_others or reset):
        return Bucket(column.name)
    if reset:
        return Bucket(column.name, expires="next_reset")
    # What is left of a month's credits may be called so only by what it is computed from.
    if expires and vocabulary.MONTHLY.search(f"{column.word} {column.generated.lower()}"):
        return Bucket(column.name, expires=expires)
    return Bucket(column.name)


def dead_column(table: Table) -> str:
    """The column that is set where a row counts no more; empty = there is none."""
    return next(
        (
            table.by_word[name].name
            for name in vocabulary.DEAD
            if name in table.by_word
            and (table.by_word[name].is_time or table.by_word[name].type == "boolean")
        ),
        "",
    )


def _sign(amount: Column, kinds: dict[str, str], found: dict[str, Any]) -> Sign:
    """Whether the stored sign can be trusted: charges are negative, all other amounts are not."""
    if amount.word in vocabulary.SIGNED or not kinds:
        return "stored"
    charged = [found[word] for word, meaning in kinds.items() if meaning == "charge"]
    if charged and all(row.negative == row.rows for row in charged):
        return "stored"
    return "kind"


def _name(column: Column | None) -> str:
    return column.name if column else ""
