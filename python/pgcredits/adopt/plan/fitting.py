"""Whether a plan fits the database, before anything is done."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.source import expressions, queries
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from pgcredits.adopt.plan.model import Balances, History, Part, Plan, Tasks
    from pgcredits.adopt.source.catalog import Catalog, Table

SQL = sql.SQL

_CLOSED_AS = read_sql(__package__, "closed_as.sql")
_COLUMN_DEFAULT = read_sql(__package__, "column_default.sql")
_IS_INSTALLED = read_sql(__package__, "is_installed.sql")
_MISSING_OWNERS = read_sql(__package__, "missing_owners.sql")
_NO_AMOUNTS = read_template(__package__, "no_amounts.sql")
_ODD_BALANCES = read_template(__package__, "odd_balances.sql")
_ODD_TASKS = read_template(__package__, "odd_tasks.sql")
_PLANS = "select p.plan, p.monthly_credits from credits.plans as p"
_STRANGE_WORDS = read_template(__package__, "strange_words.sql")
_UNSIGNED_HISTORY = read_template(__package__, "unsigned_history.sql")
_USUAL_ALLOWANCES = read_template(__package__, "usual_allowances.sql")

#: The largest balance that pgcredits keeps.
_MOST_CREDITS = 9_000_000_000_000_000
#: Settings that name columns of these types.
_TIMES = ("reset", "at", "created", "finished", "refunded_at")
_NUMBERS = (
    "allowance", "amount", "credit", "debit", "after", "cost", "credits", "refunded_credits",
)  # fmt: skip
_AMOUNTS = ("amount", "credit", "debit", "after", "credits", "refunded_credits")


def require_fit(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse a plan that names what is not there, leaves a word open, or is another by now.

    Raises:
        PlanError: Something in it does not fit.
        AdoptionError: pgcredits is not installed, or this role may not do it.
    """
    require_installed(conn)
    require_readable(conn, plan)
    _require_rights(conn, plan)
    for part in plan.balances:
        if part.close == "columns":
            _require_no_default(conn, part)
        if part.tier:
            _require_plans(conn, part)
        for row in conn.execute(_CLOSED_AS, {"table": part.table}):
            if row.read_as != fingerprint(plan, part):
                raise PlanError(
                    f"{part.table} was cut over by another plan",
                    "What came over stays as it is: put back what was changed of its balances.",
                )


def require_installed(conn: psycopg.Connection[Any]) -> None:
    """Refuse to go on where there is nothing to move to.

    Raises:
        AdoptionError: pgcredits is not installed.
    """
    (row,) = conn.execute(_IS_INSTALLED).fetchall()
    if not row.is_installed:
        raise AdoptionError("pgcredits is not installed in this database", "Run pgcredits migrate.")


def require_readable(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse a plan that names what is not there, or leaves a word open.

    Raises:
        PlanError: Something in it does not fit.
    """
    catalog = read_catalog(conn, plan.all_schemas)
    tables = catalog.tables_by_name
    if not plan.balances:
        raise PlanError("the plan names no balances", "Say where they are: [[balances]].")
    for part in plan.parts:
        if part.table not in tables:
            raise PlanError(f"there is no table {part.table}", "Name it with its schema.")
        _require_columns(part, tables[part.table])
    _require_buckets(plan)
    for tasks in plan.tasks:
        _require_words(conn, tasks, "status", "statuses")
    for history in plan.history:
        if history.kind:
            _require_words(conn, history, "kind", "kinds")
    require_amounts(conn, plan, catalog)


def fingerprint(plan: Plan, part: Part) -> str:
    """A hash of what the plan says of a table; another one if the table would be read otherwise."""
    parts = [one for one in plan.parts if (one.table, one.role) == (part.table, part.role)]
    said = repr((parts, plan.user_ids, plan.credits_per_unit))
    return hashlib.sha256(said.encode()).hexdigest()


def _require_buckets(plan: Plan) -> None:
    taken: set[tuple[str, str]] = set()
    for part in plan.balances:
        if part.summed and part.table not in {one.table for one in plan.history}:
            raise PlanError(
                f"{part.table} is summed, but is no history", "Describe it in [[history]]."
            )
        if not part.summed and not part.buckets:
            raise PlanError(f"{part.table} names no buckets", "Say which columns hold credits.")
        for bucket in part.buckets:
            if (part.table, bucket.column) in taken:
                raise PlanError(
                    f"{part.table}: bucket {bucket.column} is there twice",
                    "Its credits count once.",
                )
            taken.add((part.table, bucket.column))
            if bucket.expires == "next_reset" and not part.reset:
                raise PlanError(
                    f"{part.table}: bucket {bucket.column} expires with the next reset, and there "
                    "is no column that says when the last one was",
                    'Name it: reset = "...".',
                )


def require_amounts(conn: psycopg.Connection[Any], plan: Plan, catalog: Catalog) -> None:
    """Refuse columns of amounts in which something else stands.

    Raises:
        PlanError: Somewhere stands NaN, infinity, or more than anybody has.
    """
    for part in plan.parts:
        table = catalog.tables_by_name[part.table]
        for setting, name in part.columns:
            if not (setting in _AMOUNTS or setting.startswith("bucket ")):
                continue
            if table.by_name[name].type in ("smallint", "integer"):
                continue
            (found,) = conn.execute(
                _NO_AMOUNTS.format(
                    column=sql.Identifier(name),
                    table=expressions.table(part.table),
                    largest=sql.Literal(_MOST_CREDITS),
                )
            ).fetchall()
            if found.rows:
                raise PlanError(
                    f"{part.table}: {name} is {found.example} in {found.rows} rows, which is no "
                    "amount of credits",
                    "Put them right there first.",
                )


def _require_rights(conn: psycopg.Connection[Any], plan: Plan) -> None:
    tables = [expressions.quoted(part.table) for part in plan.parts if part.close != "nothing"]
    missing = [row.owner for row in conn.execute(_MISSING_OWNERS, {"tables": tables})]
    if missing:
        raise AdoptionError(
            f"this role may not do it: it needs the rights of {', '.join(missing)}",
            "Connect as a member of the owners of the old tables and of schema credits.",
        )


def require_whole(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse balances that cannot come over as they are.

    Raises:
        PlanError: Some have fractions, or are below 0 and the plan says stop.
    """
    for part in plan.balances:
        if part.summed:
            _require_sum(conn, plan, part)
        (found,) = conn.execute(
            _ODD_BALANCES.format(balances=queries.balances(plan, part))
        ).fetchall()
        if found.fractions:
            raise PlanError(
                f"{part.table}: {found.fractions} balances are no whole credits, {found.example} "
                "for one",
                "Set credits_per_unit, for example 100 where they have two decimals.",
            )
        if found.largest is not None and found.largest > _MOST_CREDITS:
            raise PlanError(
                f"{part.table}: a balance of {found.largest:,} is more than pgcredits keeps",
                f"The most is {_MOST_CREDITS:,}.",
            )
        if found.negatives and plan.negatives == "stop":
            raise PlanError(
                f"{part.table}: {found.negatives} balances are below 0",
                'Settle them there, or forgive them: negatives = "zero".',
            )


def _require_sum(conn: psycopg.Connection[Any], plan: Plan, part: Balances) -> None:
    (of,) = (one for one in plan.history if one.table == part.table)
    (found,) = conn.execute(_UNSIGNED_HISTORY.format(history=queries.history(plan, of))).fetchall()
    if found.rows:
        raise PlanError(
            f"{part.table}: the plan does not say by how much {found.rows} rows move the balance",
            "A kind other than grant, charge, refund or expiry has no sign: say which it is, or "
            'sign = "stored".',
        )


def require_tasks(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse tasks that cannot come over as they are.

    Raises:
        PlanError: One has a fraction of a credit, or two would become the same generation.
    """
    (found,) = conn.execute(_ODD_TASKS.format(tasks=queries.tasks(plan))).fetchall()
    if found.fraction is not None:
        raise PlanError(
            f"{found.fraction} cost no whole number of credits",
            "Set credits_per_unit, for example 100 where they have two decimals.",
        )
    if found.twin is not None:
        raise PlanError(
            f"{found.twin} has the id of another task of this user",
            "Leave one of the two tables away, or name another key.",
        )


def _require_no_default(conn: psycopg.Connection[Any], part: Balances) -> None:
    """Refuse buckets whose default is not 0: new rows would be refused after the cut-over."""
    for bucket in part.buckets:
        for row in conn.execute(
            _COLUMN_DEFAULT, {"table": expressions.quoted(part.table), "column": bucket.column}
        ):
            value = row.default_value.partition("::")[0].strip("'()")
            if value != "NULL" and value.strip("0.") != "":
                raise PlanError(
                    f"{part.table}: {bucket.column} has the default {row.default_value}, which "
                    "every new row would be refused for",
                    "Set the default to 0 and give new users their credits by "
                    'credits.grant_user_credits, or say close = "nothing".',
                )


def _require_columns(part: Part, table: Table) -> None:
    for setting, name in part.columns:
        if name not in table.by_name:
            raise PlanError(
                f"{table}: {setting} = {name!r} is no column of it",
                f"There are: {', '.join(table.by_name)}.",
            )
        is_time = setting in _TIMES or setting.startswith("expires of ")
        if is_time and not table.by_name[name].is_time:
            raise PlanError(
                f"{table}: {setting} = {name!r} says no time, but is {table.by_name[name].type}",
                "Name a timestamp, or leave it away.",
            )
        if (setting in _NUMBERS or setting.startswith("bucket ")) and not table.by_name[
            name
        ].is_number:
            raise PlanError(
                f"{table}: {setting} = {name!r} is no number, but {table.by_name[name].type}",
                "Name a column of numbers, or leave it away.",
            )
        if setting == "refunded_flag" and table.by_name[name].type != "boolean":
            raise PlanError(
                f"{table}: {setting} = {name!r} is not boolean, but {table.by_name[name].type}",
                "A word goes to refunded_status, a number to refunded_credits.",
            )
    key = table.by_name[part.key]
    if not (key.is_unique or table.key == (part.key,)):
        raise PlanError(
            f"{table}: key = {part.key!r} does not tell its rows apart",
            "Name its primary key, or make the column unique.",
        )


def _require_plans(conn: psycopg.Connection[Any], part: Balances) -> None:
    """Refuse tiers whose plan is missing, or brings another allowance than the tier did."""
    known = {row.plan: row.monthly_credits for row in conn.execute(_PLANS)}
    for word, plan in part.tiers.items():
        if plan not in known:
            raise PlanError(
                f"{part.table}: {word!r} is plan {plan!r}, and there is none in credits.plans",
                "Insert it there, or leave the word away: its users have no plan then.",
            )
    if not part.allowance:
        return
    found = conn.execute(
        _USUAL_ALLOWANCES.format(
            tier=expressions.column(part.tier),
            allowance=expressions.column(part.allowance),
            table=expressions.table(part.table),
        )
    ).fetchall()
    for row in found:
        here = known.get(part.tiers.get(row.tier, ""))
        if here is not None and row.allowance != here:
            raise PlanError(
                f"{part.table}: {row.tier!r} brings {row.allowance:g} credits a month, and plan "
                f"{part.tiers[row.tier]!r} brings {here}",
                "Update credits.plans, or name another plan for it.",
            )


def _require_words(
    conn: psycopg.Connection[Any], part: History | Tasks, setting: str, words: str
) -> None:
    column = getattr(part, setting)
    known = getattr(part, words)
    strange = conn.execute(
        _STRANGE_WORDS.format(
            column=sql.Identifier(column),
            table=expressions.table(part.table),
            known=sql.Literal(list(known)),
        )
    ).fetchall()
    if strange:
        raise PlanError(
            f"{part.table}: the plan does not say what {column} = {strange[0].word!r} means",
            f'Add it to {words}; "" is for null.',
        )
