"""Parts of queries: an older system's tables and columns, read as the plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Part, Plan, Tasks

SQL = sql.SQL
NULL = SQL("null")

#: From the id that an older system has for a user to the one of pgcredits, by a plan's user_ids.
_USER_IDS = {
    "uuid": SQL("{}"),
    "external": SQL("credits.user_id({})"),
    "md5": SQL("md5({})::uuid"),
}

_GENERATION_ID = SQL(
    """
    case
        when t.{key}::text
            ~ '^[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}$'
            then t.{key}::text::uuid
        else md5({table} || ':' || t.{key}::text)::uuid
    end
    """
)


def table(name: str) -> sql.Identifier:
    """The table that a plan names."""
    return sql.Identifier(*name.split(".", 1))


def quoted(name: str) -> str:
    """The table's name as a text, quoted so that to_regclass() finds it."""
    return ".".join('"{}"'.format(part.replace('"', '""')) for part in name.split(".", 1))


def column(name: str, alias: str = "t") -> Composable:
    """A column that the plan names; null where it names none."""
    return sql.Identifier(alias, name) if name else NULL


def user_type(plan: Plan) -> sql.SQL:
    """The type of the ids that the older system has for its users."""
    return SQL("uuid" if plan.user_ids == "uuid" else "text")


def user(plan: Plan, part: Part) -> Composable:
    """The user of a row, by the id that the older system has; null where it is nobody's."""
    named = column(part.user)
    if part.accounts:
        accounts, key, owner = part.accounts
        named = SQL("(select a.{} from {} as a where a.{} = {})").format(
            sql.Identifier(owner), table(accounts), sql.Identifier(key), named
        )
    return SQL("{}::text::{}" if plan.user_ids == "uuid" else "{}::{}").format(
        named, user_type(plan)
    )


def user_id(plan: Plan, old: Composable) -> Composable:
    """The id under which pgcredits knows a user, from the one that the older system has."""
    return _USER_IDS[plan.user_ids].format(old)


def generation_id(part: Tasks) -> Composable:
    """A task's id as a generation: the old one where it is a uuid, since applications know it."""
    return _GENERATION_ID.format(key=sql.Identifier(part.key), table=sql.Literal(part.table))


def whens(meanings: Mapping[str, str]) -> Composable:
    """The branches of a CASE expression that turns words into their meanings."""
    return SQL(" ").join(
        SQL("when {} then {}").format(sql.Literal(word), sql.Literal(meaning))
        for word, meaning in meanings.items()
    )


def meaning(value: Composable, meanings: Mapping[str, str], otherwise: Composable) -> Composable:
    """What a word means by the plan."""
    if not meanings:
        return otherwise
    return SQL("case coalesce({}::text, '') {} else {} end").format(
        value, whens(meanings), otherwise
    )


def first_time(*names: str) -> Composable:
    """The first of these times that is not null; infinity counts as null."""
    known = [
        SQL("case when isfinite({0}::timestamptz) then {0}::timestamptz end").format(column(name))
        for name in names
        if name
    ]
    return SQL("coalesce({})").format(SQL(", ").join(known)) if known else SQL("null::timestamptz")


def text(name: str) -> Composable:
    """An id or a word; null where it is blank."""
    return SQL("nullif(btrim({}::text), '')").format(column(name))


def in_credits(plan: Plan, amount: Composable) -> Composable:
    """An amount of the old system in whole credits."""
    if plan.credits_per_unit == 1:
        return SQL("{}::numeric").format(amount)
    return SQL("{}::numeric * {}").format(amount, sql.Literal(plan.credits_per_unit))


def whole(plan: Plan, amount: Composable) -> Composable:
    """An amount of the old system in credits, rounded where the plan says so."""
    exact = in_credits(plan, amount)
    return SQL("round({})").format(exact) if plan.rounding == "nearest" else exact


def counts(dead: str) -> Composable:
    """Whether a row counts: the column that says that it is dead is null, or false."""
    if not dead:
        return SQL("true")
    return SQL("coalesce({}::text, 'false') = 'false'").format(column(dead))
