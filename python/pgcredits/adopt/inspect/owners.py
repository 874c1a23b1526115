"""Whose a row is: the column that names the user, or the account that belongs to one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from psycopg import sql

from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.catalog import first_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgcredits.adopt.inspect.recognising import WordsOf
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

    #: Whether each value of a column stands in a column of another table.
    LeadsTo = Callable[[Table, Column, Table, Column], bool]


def user_column(table: Table, groups: Iterable[str] = ()) -> Column | None:
    """The column that says whose a row is.

    Args:
        table: Any table.
        groups: What columns call the groups that own all balances, where there are such.
    """
    group = first_column(table, groups) or _generated_owner(table)
    if group is not None:
        return group
    if vocabulary.GROUPS_TABLE.match(table.word):
        return key_column(table)
    if vocabulary.USERS_TABLE.match(table.word):
        # A team beside a user's own credits says whom they work with.
        return (
            first_column(table, vocabulary.USER_OF_USERS)
            or next(
                (one for one in table.columns
                 if one.is_unique and one.word in vocabulary.USER and one.word not in
                 vocabulary.GROUP),
                None,
            )
            or key_column(table)
        )  # fmt: skip
    return (
        first_column(table, vocabulary.USER)
        or next((one for one in table.columns if vocabulary.USER_LIKE.search(one.word)), None)
        or next(
            (one for one in table.columns
             if one.word in vocabulary.POLYMORPHIC and kind_of_owner(table, one)),
            None,
        )
    )  # fmt: skip


def _generated_owner(table: Table) -> Column | None:
    """A column that is computed from others that say in part whose a row is."""
    parts = [
        one.name for one in table.columns
        if one.word in vocabulary.USER or one.word in vocabulary.POLYMORPHIC
    ]  # fmt: skip
    return next(
        (one for one in table.columns
         if not one.is_number and any(
             re.search(rf"\b{re.escape(name)}\b", one.generated) for name in parts
         )),
        None,
    )  # fmt: skip


def other_owner(table: Table, user: Column) -> Column | None:
    """Another column that says whose a row is, where this one may say nothing."""
    if not user.is_nullable:
        return None
    return next(
        (one for one in table.columns
         if one is not user and one.type == user.type and one.word in vocabulary.USER),
        None,
    )  # fmt: skip


def key_column(table: Table) -> Column | None:
    """What tells its rows apart: the primary key, else a unique column that is never null."""
    if len(table.key) == 1:
        return table.by_name[table.key[0]]
    return next(
        (column for column in table.columns if column.is_unique and not column.is_nullable), None
    )


def kind_of_owner(table: Table, user: Column) -> Column | None:
    """The column that says of what kind the owner is that another names, where there is one."""
    if user.word not in ("owner_id", *vocabulary.POLYMORPHIC):
        return None
    kind = table.by_word.get(re.sub(r"_id$", "_type", user.word))
    return kind if kind is not None and kind.is_word else None


def kinds_of_owners(table: Table, user: Column, words_of: WordsOf) -> str:
    """Why a column alone does not say whose a row is; empty = it does."""
    kind = kind_of_owner(table, user)
    words = list(words_of(table, kind.name, "")) if kind else []
    if kind is None or len(words) < 2:
        return ""
    both = _to_say_whose(table, "{} || ':' || {}::text", kind, user)
    return (
        f"{user.name} says whose a row is only together with {kind.name} ({', '.join(words[:5])}): "
        f"let one column say it: {both}"
    )


def rows_of_others(table: Table, user: Column, other: Column) -> str:
    """Why a column alone does not say whose a row is: another one says it of some."""
    either = _to_say_whose(table, "coalesce({}, {})", user, other)
    return f"rows without {user.name} have {other.name}: let one column say whose each is: {either}"


def _to_say_whose(table: Table, expression: str, *columns: Column) -> str:
    """The statement that adds a column which says whose each row is."""
    type_ = "text" if "||" in expression else columns[0].type
    made = sql.SQL("alter table {} add credits_of {} generated always as ({}) stored").format(
        table.identifier,
        sql.SQL(type_),
        sql.SQL(expression).format(*(sql.Identifier(one.name) for one in columns)),
    )
    return made.as_string(None)


def accounts_of(
    catalog: Catalog, table: Table, column: Column, leads_to: LeadsTo
) -> tuple[Table, Column, Column] | None:
    """The accounts that a column names, their key, and whose they are; None = it names none.

    Args:
        catalog: What there is.
        table: The table whose rows name accounts.
        column: The column that may do so: a foreign key, or one that is called as the table is.
        leads_to: Whether each of its values stands in a column of another table.
    """
    for accounts in catalog.tables:
        key = key_column(accounts)
        user = user_column(accounts)
        if key is None or user is None or user is key or accounts is table:
            continue
        if (column.refers_to, column.refers_to_column) == (str(accounts), key.name) or (
            column.refers_to is None
            and column.type == key.type
            and _is_called(column, accounts)
            and leads_to(table, column, accounts, key)
        ):
            return accounts, key, user
    return None


def _is_called(column: Column, accounts: Table) -> bool:
    """Whether a column is called as the rows of a table are: wallet_id and user_wallets."""
    one = re.sub(r"_(id|uuid)$", "", column.word)
    return one != column.word and bool(re.search(rf"(^|_){re.escape(one)}s?$", accounts.word))
