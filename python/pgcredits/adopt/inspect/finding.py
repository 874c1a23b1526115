"""What each table of an older system seems to be: by its columns, its rows, and other tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from pgcredits.adopt.inspect.lots import (
    as_lots,
    keeps_remainders,
    kinds_in_columns,
    kinds_in_rows,
    rest_of_what,
    why_no_lots,
)
from pgcredits.adopt.inspect.owners import (
    accounts_of,
    key_column,
    kinds_of_owners,
    other_owner,
    rows_of_others,
    user_column,
)
from pgcredits.adopt.inspect.recognising import UsersTable, read_as
from pgcredits.adopt.inspect.refining import refined, unknown_words
from pgcredits.adopt.inspect.rows import Rows
from pgcredits.adopt.plan.model import Balances, History, Plan, Refunds, Tasks
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import keeps_lots

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from pgcredits.adopt.inspect.recognising import Reading
    from pgcredits.adopt.plan.model import Part
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

AnyPart = TypeVar("AnyPart", Balances, History, Refunds, Tasks)


@dataclass(frozen=True)
class Recognised:
    """What a table seems to be.

    Attributes:
        table: With its schema.
        role: balances, history, refunds or tasks.
        sure_pct: How sure that is, in per cent.
        because: Why it seems to be that.
    """

    table: str
    role: str
    sure_pct: int
    because: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """What all tables together were taken for, by their names and rows.

    Attributes:
        recognised: The tables that have to do with credits.
        plan: How they would be read.
        unread: Words whose meaning we do not know, by table and column.
        aside: Tables with users and amounts that were not taken for credits, and these columns.
        keyless: Those of the tables in aside without a column that tells their rows apart.
        refused: Why tables were refused, by their names.
    """

    recognised: tuple[Recognised, ...]
    plan: Plan
    unread: tuple[tuple[str, str, str], ...]
    aside: tuple[tuple[str, tuple[str, ...]], ...]
    keyless: tuple[str, ...]
    refused: dict[str, str]


class Finder:
    """Looks at one table after the other, and then at what they are together."""

    def __init__(self, conn: psycopg.Connection[Any], owners: tuple[str, ...] = ()) -> None:
        """Prepare to look.

        Args:
            conn: Rows as named tuples.
            owners: What columns call the groups that own all balances, where there are such.
        """
        self._conn = conn
        self._rows = Rows(conn)
        self._owners = owners
        self._refused: dict[str, str] = {}
        self._recognised: list[Recognised] = []
        self._parts: list[Part] = []
        self._users: list[tuple[Table, Column]] = []
        self._aside: list[tuple[str, tuple[str, ...]]] = []
        self._keyless: list[str] = []
        self._unowned: list[tuple[Table, Column | None]] = []

    def look_at_all(self, catalog: Catalog) -> None:
        """Look at all tables: those that name users, and then those that name their accounts."""
        for table in catalog.tables:
            self.look_at(table)
        self.look_at_accounts(catalog)

    def look_at(self, table: Table) -> None:
        """Add the table to what was found if it has to do with credits."""
        user = user_column(table, self._owners)
        is_account = bool(vocabulary.ACCOUNTS.search(table.word))
        if user is None or (user.word in vocabulary.POLYMORPHIC and not is_account):
            self._unowned.append((table, user))
        else:
            self._look_at(table, user)

    def look_at_accounts(self, catalog: Catalog) -> None:
        """Look at the tables that name no user, but an account with credits, which has one."""
        keeping = {part.table for part in self._read_as(Balances)}
        for table, named in self._unowned:
            user = named
            for column in table.columns:
                found = accounts_of(catalog, table, column, self._rows.leads_to)
                if found and (
                    str(found[0]) in keeping or vocabulary.ACCOUNTS.search(found[0].word)
                ):
                    user = column
                    break
            if user:
                self._look_at(table, user)

    def _look_at(self, table: Table, user: Column) -> None:
        key = self._key(table)
        may_be_each = vocabulary.ACCOUNTS.search(table.word) or vocabulary.USERS_TABLE.match(
            table.word
        )
        is_one_each = user.is_unique or (bool(may_be_each) and self._rows.is_one_each(table, user))
        reading = self._reading(UsersTable(table, key, user, is_one_each)) if key else None
        unclear = self._unclear(table, user, reading.part, is_one_each) if reading else ""
        if reading is None and not user.is_unique and keeps_remainders(table):
            self._refuse(table, kinds_in_rows(table, self._rows.words_of))
            unclear = kinds_of_owners(table, user, self._rows.words_of)
        if unclear:
            self._refuse(table, unclear)
            return
        if reading is None:
            self._refuse(table, rest_of_what(table))
        if reading:
            self._parts.append(reading.part)
            self._users.append((table, user))
            self._note(reading.part, reading.because)
            return
        amounts = [c.name for c in table.columns if c.is_number and _counts_something(c, table)]
        if amounts:
            self._aside.append((str(table), (user.name, *amounts)))
            if not key:
                self._keyless.append(str(table))

    def _unclear(self, table: Table, user: Column, part: Part, is_one_each: bool) -> str:
        """Why it cannot be read so: its rows, or columns, do not add up; empty = it can."""
        if not isinstance(part, Balances):
            return kinds_of_owners(table, user, self._rows.words_of)
        other = other_owner(table, user)
        if other and self._rows.are_named_instead(table, user, other):
            return rows_of_others(table, user, other)
        is_lot = bool(keeps_lots(table, part))
        names = vocabulary.CREDIT_UNIT if is_one_each or is_lot else vocabulary.CREDIT_KIND
        return (
            kinds_of_owners(table, user, self._rows.words_of)
            or kinds_in_rows(table, self._rows.words_of, names)
            or (kinds_in_columns(table) if len(part.buckets) > 1 else "")
        )

    def _key(self, table: Table) -> Column | None:
        """What tells its rows apart: of one in partitions the key need not be unique by itself."""
        key = key_column(table)
        if key is None and table.key_of_partitions:
            may_be = table.key_of_partitions
            return may_be if self._rows.is_one_each(table, may_be) else None
        return key

    def _reading(self, old: UsersTable) -> Reading | None:
        lots = as_lots(old, self._rows.is_within)
        if lots is None:
            return read_as(old, self._rows.words_of)
        reason = why_no_lots(old.table, self._rows.words_of)
        self._refuse(old.table, reason)
        return None if reason else lots

    def _refuse(self, table: Table, reason: str) -> None:
        if reason:
            self._refused[str(table)] = reason

    def group_that_owns(self) -> str:
        """What columns call the groups that own all balances; empty = there are none."""
        owners = {
            f"{re.sub('s$', '', table.word)}_id" if vocabulary.GROUPS_TABLE.match(table.word)
            else user.word
            for table, user in self._users
            if any(one.table == str(table) for one in self._read_as(Balances))
        }  # fmt: skip
        (only,) = owners if len(owners) == 1 else ("",)
        return only if only in vocabulary.GROUP else ""

    def result(self, catalog: Catalog) -> Found:
        """What all tables together were taken for."""
        self._parts = [self._with_accounts(catalog, part) for part in self._parts]
        tasks = {part.table for part in self._read_as(Tasks)}
        self._parts = [refined(self._conn, catalog, part, tasks) for part in self._parts]
        if not self._read_as(Balances):
            self._sum_up(catalog)
        plan = Plan(
            schemas=catalog.schemas,
            user_ids="uuid"
            if all(self._rows.are_uuids(*one) for one in self._users)
            else "external",
            balances=self._read_as(Balances),
            history=self._read_as(History),
            refunds=self._read_as(Refunds),
            tasks=self._read_as(Tasks),
        )
        return Found(
            recognised=tuple(self._recognised),
            plan=plan,
            unread=tuple(word for part in self._parts for word in unknown_words(part)),
            aside=tuple(self._aside),
            keyless=tuple(self._keyless),
            refused=self._refused,
        )

    def _sum_up(self, catalog: Catalog) -> None:
        """Read histories as balances, too, whose rows are in one unit: nothing else holds any."""
        for one in self._read_as(History):
            table = catalog.tables_by_name[one.table]
            self._refuse(table, kinds_in_rows(table, self._rows.words_of, vocabulary.CREDIT_UNIT))
        self._parts = [one for one in self._parts if one.table not in self._refused]
        # One that shows the balance after each row tells all.
        found = sorted(self._read_as(History), key=lambda one: not one.after)
        if found:
            old, *others = found
            summed = Balances(
                table=old.table,
                key=old.key,
                user=old.user,
                summed=True,
                accounts=old.accounts,
                sums=() if old.after else tuple(one.table for one in others),
            )
            self._parts.append(summed)
            self._note(summed, ("there is no balance but the sum of its rows",))

    def words_of_status(self, catalog: Catalog, plan: Plan) -> dict[str, tuple[str, ...]]:
        """The words of the status of histories, by their table."""
        return {
            part.table: tuple(
                self._rows.words_of(catalog.tables_by_name[part.table], part.status, "")
            )
            for part in plan.history
            if part.status
        }

    def _read_as(self, role: type[AnyPart]) -> tuple[AnyPart, ...]:
        return tuple(part for part in self._parts if isinstance(part, role))

    def _note(self, part: Part, because: Iterable[str | None]) -> None:
        reasons = tuple(one for one in because if one)
        sure = min(95, 50 + 15 * len(reasons))
        self._recognised.append(Recognised(part.table, part.role, sure, reasons))

    def _with_accounts(self, catalog: Catalog, part: Part) -> Part:
        """The same reading, with the accounts that its rows name in a user's place."""
        table = catalog.tables_by_name[part.table]
        found = accounts_of(catalog, table, table.by_name[part.user], self._rows.leads_to)
        if found is None:
            return part
        accounts, key, user = found
        self._users = [one for one in self._users if one[0] is not table] + [(accounts, user)]
        return replace(part, accounts=(str(accounts), key.name, user.name))


def _counts_something(column: Column, table: Table) -> bool:
    # A column called price holds money, except in a table about work: there it may be credits.
    is_price = vocabulary.WORK.search(table.word) and column.word == "price"
    return bool(is_price or vocabulary.AMOUNT_LIKE.search(column.word))
