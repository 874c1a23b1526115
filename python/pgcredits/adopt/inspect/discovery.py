"""From a catalog and its data to a plan: what each table seems to be, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Refunds, Tasks
from pgcredits.adopt.source import expressions, vocabulary
from pgcredits.adopt.source.catalog import first_column
from pgcredits.adopt.source.writers import failing_triggers
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from pgcredits.adopt.plan.model import Sign
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

#: More different words than these are no list of words.
_MOST_WORDS = 100

_WORDS = read_template(__package__, "words_of_column.sql")

_NO_UUIDS = read_template(__package__, "no_uuids.sql")


@dataclass(frozen=True)
class Recognised:
    """What a table seems to be.

    Attributes:
        table: With its schema.
        role: balances, history, refunds or tasks.
        sure_pct: How sure that is, in per cent.
        because: What speaks for it.
    """

    table: str
    role: str
    sure_pct: int
    because: tuple[str, ...]


@dataclass(frozen=True)
class Discovery:
    """What was made of the older system.

    Attributes:
        shape: What kind of system it is, in a few words.
        recognised: The tables that have to do with credits.
        plan: How they would be read.
        unread: Words that say nothing to us, by table and column.
        aside: Tables with users and amounts that were not taken for credits, and these columns.
        keyless: Those of them without a column that tells their rows apart.
        failing: Trigger functions that will fail after the cut-over, and with them the writes to
            this table.
    """

    shape: str
    recognised: tuple[Recognised, ...]
    plan: Plan
    unread: tuple[tuple[str, str, str], ...] = ()
    aside: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keyless: tuple[str, ...] = ()
    failing: tuple[tuple[str, str], ...] = ()

    @property
    def asides(self) -> list[str]:
        """What was left aside, a line each."""
        return [
            f"{table} ({', '.join(columns)})"
            + (": no single column tells its rows apart" if table in self.keyless else "")
            for table, columns in self.aside
        ]


def discover(conn: psycopg.Connection[Any], catalog: Catalog) -> Discovery:
    """Find out which tables keep credits, and how they would be read."""
    finder = _Finder(conn)
    for table in catalog.tables:
        finder.look_at(table)
    return finder.result(catalog)


class _Finder:
    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._recognised: list[Recognised] = []
        self._balances: list[Balances] = []
        self._history: list[History] = []
        self._refunds: list[Refunds] = []
        self._tasks: list[Tasks] = []
        self._ids: list[tuple[Table, Column]] = []
        self._unread: list[tuple[str, str, str]] = []
        self._aside: list[tuple[str, tuple[str, ...]]] = []
        self._keyless: list[str] = []

    def look_at(self, table: Table) -> None:
        """Take it in if it has to do with credits."""
        user = _user_column(table)
        if user is None or vocabulary.UNUSED_NAMES.match(table.word):
            return
        key = _key_column(table)
        if key and (
            self._as_refunds(table, key, user)
            or self._as_tasks(table, key, user)
            or self._as_history(table, key, user)
            or self._as_balances(table, key, user)
        ):
            self._ids.append((table, user))
            return
        amounts = [c.name for c in table.columns if c.is_number and _counts_something(c, table)]
        if amounts:
            self._aside.append((str(table), (user.name, *amounts)))
            if not key:
                self._keyless.append(str(table))

    def result(self, catalog: Catalog) -> Discovery:
        if not self._balances and self._history:
            self._sum_up(self._history[0], catalog)
        plan = Plan(
            schemas=catalog.schemas,
            user_ids="uuid" if all(self._are_uuids(*one) for one in self._ids) else "md5",
            balances=tuple(self._balances),
            history=tuple(self._history),
            refunds=tuple(self._refunds),
            tasks=tuple(self._tasks),
        )
        return Discovery(
            shape=self._shape(),
            recognised=tuple(self._recognised),
            plan=plan,
            unread=tuple(self._unread),
            aside=tuple(self._aside),
            keyless=tuple(self._keyless),
            failing=failing_triggers(catalog, plan),
        )

    def _shape(self) -> str:
        buckets = [bucket for part in self._balances for bucket in part.buckets]
        if not self._balances:
            return "no credit system that we know"
        if any(part.summed for part in self._balances):
            return "entries of credit and debit, whose sum is the balance"
        if not self._history:
            return "a balance on the user's row, without history"
        if any(part.after for part in self._history):
            return "a ledger of signed steps with the balance after each"
        if len(buckets) > 1:
            return "buckets on one row, with a log of what was used"
        return "a balance, with typed amounts as its history"

    def _note(self, table: Table, role: str, because: Iterable[str | None]) -> None:
        reasons = tuple(one for one in because if one)
        sure = min(95, 50 + 15 * len(reasons))
        self._recognised.append(Recognised(str(table), role, sure, reasons))

    def _as_refunds(self, table: Table, key: Column, user: Column) -> bool:
        task = first_column(table, ("task_id", "job_id", "generation_id", "reference_id"))
        amount = first_column(table, (*vocabulary.REFUNDED_CREDITS, "credits", "amount"))
        if not (task and amount and amount.is_number and "refund" in table.word):
            return False
        self._refunds.append(
            Refunds(
                table=str(table), key=key.name, user=user.name, task=task.name, credits=amount.name
            )
        )
        self._note(table, "refunds", ("it is called so", f"{task.name} says of what", amount.name))
        return True

    def _as_tasks(self, table: Table, key: Column, user: Column) -> bool:
        if vocabulary.SHOP.search(table.word) and not (
            vocabulary.WORK.search(table.word) or first_column(table, vocabulary.TASK_IDS)
        ):
            return False
        status = first_column(table, vocabulary.STATUS)
        charged = first_column(table, vocabulary.CHARGED)
        if not (status and status.is_word and charged and charged.is_number):
            return False
        # A log of amounts may have a status, too.
        if first_column(table, ("transaction_type", "balance_after", "delta", "amount")):
            return False
        word_list = self._words(table, status.name)
        # A word that nobody knows is unknown here, and a comment in the plan that is written.
        statuses: dict[str, Any] = {word: vocabulary.status_of(word) for word in word_list}
        self._unread += [
            (str(table), status.name, word)
            for word, meaning in statuses.items()
            if meaning == vocabulary.UNKNOWN
        ]
        flag = first_column(table, vocabulary.REFUNDED_FLAG)
        self._tasks.append(
            Tasks(
                table=str(table),
                key=key.name,
                user=user.name,
                credits=charged.name,
                status=status.name,
                statuses=statuses,
                created=_name(first_column(table, vocabulary.AT)),
                finished=_names(table, vocabulary.FINISHED),
                provider=_name(first_column(table, vocabulary.PROVIDER)),
                type=_name(first_column(table, vocabulary.TASK_TYPE)),
                task_ids=_names(table, vocabulary.TASK_IDS),
                cost=_name(first_column(table, vocabulary.COST)),
                error_type=_name(first_column(table, vocabulary.ERROR_TYPE)),
                error_message=_name(first_column(table, vocabulary.ERROR_MESSAGE)),
                refunded_flag=_name(flag) if flag and flag.type == "boolean" else "",
                refunded_credits=_name(first_column(table, vocabulary.REFUNDED_CREDITS)),
                refunded_at=_name(first_column(table, vocabulary.REFUNDED_AT)),
                refunded_status=_name(first_column(table, vocabulary.REFUNDED_STATUS)),
            )
        )
        self._note(
            table,
            "tasks",
            (
                f"{status.name} says where each stands",
                f"{charged.name} says what it cost",
                "providers' ids are there" if first_column(table, vocabulary.TASK_IDS) else None,
            ),
        )
        return True

    def _as_history(self, table: Table, key: Column, user: Column) -> bool:
        if user.is_unique:
            return False
        credit, debit = (
            first_column(table, vocabulary.CREDIT),
            first_column(table, vocabulary.DEBIT),
        )
        at = first_column(table, vocabulary.AT)
        if credit and debit and credit.is_number and debit.is_number:
            self._history.append(
                History(
                    table=str(table),
                    key=key.name,
                    user=user.name,
                    at=_name(at),
                    credit=credit.name,
                    debit=debit.name,
                    sign="columns",
                    reference=_name(first_column(table, vocabulary.REFERENCE)),
                )
            )
            self._note(table, "history", (f"{credit.name} and {debit.name}", _name(at)))
            return True
        amount = first_column(table, vocabulary.AMOUNT)
        if not (amount and amount.is_number and at):
            return False
        kind = first_column(table, vocabulary.KIND)
        after = first_column(table, vocabulary.AFTER)
        is_named = re.search(r"credit|ledger|token", table.word)
        found = self._words(table, kind.name, amount.name) if kind and kind.is_word else {}
        kinds: dict[str, Any] = {word: vocabulary.kind_of(word) for word in found}
        # Somebody pays with something that is spent, too: money is not.
        is_spent = "charge" in kinds.values()
        if not (kind or after) or not (is_named or "credit" in amount.word or after or is_spent):
            return False
        sign = _sign(amount, kinds, found)
        if sign == "kind":
            # Without a kind, such rows would say nothing of the balance.
            kinds = {
                word: vocabulary.UNKNOWN if meaning == "other" else meaning
                for word, meaning in kinds.items()
            }
            self._unread += [
                (str(table), kind.name, word)
                for word, meaning in kinds.items()
                if kind and meaning == vocabulary.UNKNOWN
            ]
        self._history.append(
            History(
                table=str(table),
                key=key.name,
                user=user.name,
                at=at.name,
                amount=amount.name,
                sign=sign,
                kind=kind.name if kinds and kind else "",
                kinds=kinds,
                after=_name(after),
                reference=_name(first_column(table, vocabulary.REFERENCE)),
                cost=_name(first_column(table, vocabulary.COST)),
            )
        )
        self._note(
            table,
            "history",
            (
                f"{amount.name} says how many",
                f"{kind.name} says what happened" if kind else None,
                f"{after.name} is the balance then" if after else None,
            ),
        )
        return True

    def _as_balances(self, table: Table, key: Column, user: Column) -> bool:
        is_users_own = bool(vocabulary.USERS_TABLE.match(table.word))
        held = [
            column
            for column in table.columns
            if (
                column.is_number
                and column.name not in (user.name, key.name)
                and vocabulary.BALANCE.match(column.word)
                and not vocabulary.NOT_BALANCE.search(column.word)
            )
            or (
                vocabulary.PURCHASED.search(column.word)
                and column.is_number
                and re.search(r"(balance|credits|tokens)", column.word)
                and not re.search(r"(lifetime|total|price|cost|requested)", column.word)
            )
        ]
        if not held or not (user.is_unique or is_users_own):
            return False
        reset = first_column(table, vocabulary.RESET)
        expires = first_column(table, vocabulary.EXPIRES)
        tier = first_column(table, vocabulary.TIER)
        tiers = self._words(table, tier.name) if tier and tier.is_word else {}
        tiers.pop("", None)
        self._balances.append(
            Balances(
                table=str(table),
                key=key.name,
                user=user.name,
                buckets=tuple(
                    _bucket(column, has_others=len(held) > 1, reset=reset, expires=expires)
                    for column in held
                ),
                reset=_name(reset),
                tier=_name(tier) if tiers else "",
                tiers={word: word for word in tiers},
                allowance=_name(first_column(table, vocabulary.ALLOWANCE)) if tiers else "",
                # A user's own row has more to it than credits.
                close="columns" if is_users_own else "table",
            )
        )
        self._note(
            table,
            "balances",
            (
                "one row for each user" if user.is_unique else "users' own rows",
                ", ".join(column.name for column in held),
                f"{reset.name} says when it is filled" if reset else None,
            ),
        )
        return True

    def _sum_up(self, part: History, catalog: Catalog) -> None:
        table = catalog.tables_by_name[part.table]
        self._balances.append(Balances(table=part.table, key=part.key, user=part.user, summed=True))
        self._note(table, "balances", ("there is no balance but the sum of its rows",))

    def _are_uuids(self, table: Table, column: Column) -> bool:
        if column.type == "uuid" or not column.is_word:
            return column.type == "uuid"
        query = _NO_UUIDS.format(column=sql.Identifier(column.name), table=table.identifier)
        return not self._conn.execute(query).fetchall()

    def _words(self, table: Table, column: str, amount: str = "") -> dict[str, Any]:
        rows = self._conn.execute(
            _WORDS.format(
                column=sql.Identifier(column),
                amount=expressions.column(amount),
                table=table.identifier,
                most=sql.Literal(_MOST_WORDS),
            )
        )
        return {row.word: row for row in rows}


def _counts_something(column: Column, table: Table) -> bool:
    # The price of work may be in credits.
    is_price = vocabulary.WORK.search(table.word) and column.word == "price"
    return bool(is_price or vocabulary.AMOUNT_LIKE.search(column.word))


def _names(table: Table, wanted: Iterable[str]) -> tuple[str, ...]:
    return tuple(table.by_word[name].name for name in wanted if name in table.by_word)


def _name(column: Column | None) -> str:
    return column.name if column else ""


def _user_column(table: Table) -> Column | None:
    user = first_column(table, vocabulary.USER)
    if user is None and vocabulary.USERS_TABLE.match(table.word):
        return _key_column(table)
    return user or next((c for c in table.columns if vocabulary.USER_LIKE.search(c.word)), None)


def _key_column(table: Table) -> Column | None:
    """What tells its rows apart: the primary key, else a unique column that is never null."""
    if len(table.key) == 1:
        return table.by_name[table.key[0]]
    return next(
        (column for column in table.columns if column.is_unique and not column.is_nullable), None
    )


def _bucket(
    column: Column, *, has_others: bool, reset: Column | None, expires: Column | None
) -> Bucket:
    if vocabulary.PURCHASED.search(column.word) or not (has_others or reset):
        return Bucket(column.name)
    if vocabulary.MONTHLY.search(column.word) or reset:
        if reset:
            return Bucket(column.name, expires="next_reset")
        if expires:
            return Bucket(column.name, expires=expires.name)
    return Bucket(column.name)


def _sign(amount: Column, kinds: dict[str, str], found: dict[str, Any]) -> Sign:
    """Whether the stored sign can be trusted: charges are negative, and what comes is not."""
    if amount.word in ("delta", "change", "credits_delta") or not kinds:
        return "stored"
    charged = [found[word] for word, meaning in kinds.items() if meaning == "charge"]
    if charged and all(row.negative == row.rows for row in charged):
        return "stored"
    return "kind"
