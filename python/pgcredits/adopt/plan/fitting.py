"""Whether a plan fits the database, before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.plan.amounts import require_amounts
from pgcredits.adopt.plan.fingerprints import earlier_fingerprint, fingerprint
from pgcredits.adopt.plan.tiers import require_plans
from pgcredits.adopt.readings.against_history import month_of
from pgcredits.adopt.source import expressions, queries
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from pgcredits.adopt.plan.model import Balances, History, Part, Plan, Tasks
    from pgcredits.adopt.source.catalog import Table

_CLOSED_AS = read_sql(__package__, "closed_as.sql")
_COLUMN_DEFAULT = read_sql(__package__, "column_default.sql")
_IS_INSTALLED = read_sql(__package__, "is_installed.sql")
_MISSING_OWNERS = read_sql(__package__, "missing_owners.sql")
_STRANGE_WORDS = read_template(__package__, "strange_words.sql")

#: Settings whose columns must be times, numbers or booleans.
_TIMES = ("reset", "at", "created", "finished", "refunded_at")
_NUMBERS = (
    "allowance", "amount", "credit", "debit", "after", "cost", "credits", "refunded_credits",
)  # fmt: skip


def require_fit(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse a plan that does not fit, or that was changed after a table was cut over by it.

    Raises:
        PlanError: Something in it does not fit.
        AdoptionError: pgcredits is not installed, or this role lacks a right to move tables over.
    """
    require_installed(conn)
    require_readable(conn, plan)
    _require_decided(plan)
    _require_rights(conn, plan)
    for part in plan.balances:
        if part.close == "columns":
            _require_no_default(conn, part)
        if part.tier:
            require_plans(conn, plan, part)
        for row in conn.execute(_CLOSED_AS, {"table": part.table}):
            if row.read_as not in (fingerprint(plan, part), earlier_fingerprint(plan, part)):
                raise PlanError(
                    f"{part.table} was cut over by another plan",
                    "The balances that came over stay as they are: undo the plan's changes to this "
                    "table, to user_ids and to credits_per_unit.",
                )


def _require_decided(plan: Plan) -> None:
    if plan.undecided:
        raise PlanError(
            f"the plan leaves a question open: {plan.undecided[0]}",
            "Set what it asks for, and remove the question from undecided.",
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
    """Refuse a plan that names a missing table or column, or does not explain a word.

    Raises:
        PlanError: Something in it does not fit.
    """
    catalog = read_catalog(conn, plan.all_schemas)
    tables = catalog.tables_by_name
    if not plan.balances:
        raise PlanError("the plan names no balances", "Say where they are: [[balances]].")
    for part in plan.parts:
        if part.table not in tables:
            if part.table in {str(view) for view in catalog.views}:
                raise PlanError(
                    f"{part.table} is a view",
                    "If adopt compat left it there: say writable = false, run adopt compat, and "
                    "the table is back.",
                )
            raise PlanError(f"there is no table {part.table}", "Name it with its schema.")
        _require_columns(part, tables[part.table])
        _require_key(conn, part, tables[part.table])
        _require_accounts(part, tables)
    for balances in plan.balances:
        _require_writable(balances, tables[balances.table])
    _require_buckets(plan)
    _require_one_meaning(plan)
    for tasks in plan.tasks:
        _require_words(conn, tasks, "status", "known_statuses")
    for history in plan.history:
        if history.kind:
            _require_words(conn, history, "kind", "kinds")
    require_amounts(conn, plan, catalog)


def _require_buckets(plan: Plan) -> None:
    taken: set[tuple[str, str]] = set()
    for part in plan.balances:
        for name in (part.table, *part.sums) if part.summed else ():
            if name not in {one.table for one in plan.history}:
                raise PlanError(
                    f"{name} is summed, but is not a history", "Describe it in [[history]]."
                )
        if not part.summed and not part.buckets:
            raise PlanError(f"{part.table} names no buckets", "Say which columns hold credits.")
        for bucket in part.buckets:
            if (part.table, bucket.column) in taken:
                raise PlanError(
                    f"{part.table}: bucket {bucket.column} is listed twice",
                    "Remove one of the two: its credits count once.",
                )
            taken.add((part.table, bucket.column))
            if bucket.expires == "next_reset" and not part.reset:
                raise PlanError(
                    f"{part.table}: bucket {bucket.column} expires with the next reset, and no "
                    "column is named that says when the last one was",
                    'Name it: reset = "...".',
                )
        _require_parts(part)


def _require_one_meaning(plan: Plan) -> None:
    """Refuse a plan that says two things of a table, or that a month explains what has none."""
    read = {part.table for part in plan.parts}
    for name in plan.not_credits:
        if name in read:
            raise PlanError(f"{name} is read, and stands in not_credits", "Say one of the two.")
    for history in plan.history:
        if history.explains == "month" and not (history.at and month_of(plan)):
            raise PlanError(
                f'{history.table}: explains = "month", and the plan does not say what a month is',
                "It needs one table of balances with reset and allowance, and at of the history.",
            )


def _require_writable(part: Balances, table: Table) -> None:
    """Refuse a view to write to where a row does not stand for one user."""
    is_unique = table.by_name[part.user].is_unique or table.key == (part.user,)
    if part.writable and (part.summed or part.sums or part.accounts or not is_unique):
        raise PlanError(
            f"{part.table} cannot be writable: {part.user} does not tell its rows apart",
            "Make the column unique, or leave writable out.",
        )


def _require_parts(part: Balances) -> None:
    """Refuse buckets that include what no bucket holds, or what another includes, too."""
    held = {bucket.column for bucket in part.buckets}
    taken = {bucket.column for bucket in part.buckets if bucket.parts}
    for bucket in part.buckets:
        for name in bucket.parts:
            if name not in held:
                raise PlanError(
                    f"{part.table}: bucket {bucket.column} includes {name}, which is no bucket",
                    f'Say when its credits expire: [[balances.buckets]] with column = "{name}".',
                )
            if name in taken:
                raise PlanError(
                    f"{part.table}: bucket {name} is included in {bucket.column}, and cannot be "
                    "included in another or include others",
                    "Name each part once, in the total that includes it.",
                )
            taken.add(name)


def _require_rights(conn: psycopg.Connection[Any], plan: Plan) -> None:
    tables = [expressions.quoted(name) for name in plan.locked_tables()]
    missing = [row.owner for row in conn.execute(_MISSING_OWNERS, {"tables": tables})]
    if missing:
        raise AdoptionError(
            f"this role may not move the tables over: it needs the rights of {', '.join(missing)}",
            "Connect as a member of the owners of the old tables and of schema credits.",
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
                    f"{part.table}: {bucket.column} has the default {row.default_value}: after the "
                    "cut-over every new row would be refused",
                    "Set the default to 0 and give new users their credits by "
                    'credits.grant_user_credits, or say close = "nothing".',
                )


def _require_columns(part: Part, table: Table) -> None:
    for setting, name in part.columns:
        if name not in table.by_name:
            raise PlanError(
                f"{table}: {setting} = {name!r} is not a column of it",
                f"There are: {', '.join(table.by_name)}.",
            )
        column = table.by_name[name]
        is_time = setting in _TIMES or setting.startswith("expires of ")
        if is_time and not column.is_time:
            raise PlanError(
                f"{table}: {setting} = {name!r} is not a time, but {column.type}",
                "Name a timestamp, or leave the setting out.",
            )
        is_number = setting in _NUMBERS or setting.startswith("bucket ")
        if is_number and not column.is_number:
            raise PlanError(
                f"{table}: {setting} = {name!r} is not a number, but {column.type}",
                "Name a column of numbers, or leave the setting out.",
            )
        if setting == "dead" and not (column.is_time or column.type == "boolean"):
            raise PlanError(
                f"{table}: dead = {name!r} is neither a time nor boolean, but {column.type}",
                "Name the column that is set where a row counts no more, or leave it out.",
            )
        if setting == "refunded_flag" and column.type != "boolean":
            raise PlanError(
                f"{table}: {setting} = {name!r} is not boolean, but {column.type}",
                "Name a column of words as refunded_status, one of numbers as refunded_credits.",
            )


def _require_key(conn: psycopg.Connection[Any], part: Part, table: Table) -> None:
    key = table.by_name[part.key]
    if key.is_unique or table.key == (part.key,):
        return
    may_be = key is table.key_of_partitions
    if not may_be or conn.execute(queries.repeated(table.identifier, part.key)).fetchall():
        raise PlanError(
            f"{table}: key = {part.key!r} does not tell its rows apart",
            "Name its primary key, or make the column unique.",
        )


def _require_accounts(part: Part, tables: Mapping[str, Table]) -> None:
    """Refuse accounts that do not lead from a row to one user."""
    if not part.accounts:
        return
    if len(part.accounts) != 3 or part.accounts[0] not in tables:
        raise PlanError(
            f"{part.table}: accounts = {list(part.accounts)} is not a table, its key and its "
            "column with the user",
            'For example accounts = ["public.wallets", "id", "user_id"].',
        )
    accounts, key, owner = tables[part.accounts[0]], *part.accounts[1:]
    for name in (key, owner):
        if name not in accounts.by_name:
            raise PlanError(
                f"{part.table}: {accounts}, whose rows are accounts, has no column {name}",
                f"There are: {', '.join(accounts.by_name)}.",
            )
    if not (accounts.by_name[key].is_unique or accounts.key == (key,)):
        raise PlanError(
            f"{part.table}: {key} does not tell the accounts in {accounts} apart",
            "Name its primary key.",
        )
    named = tables[part.table].by_name[part.user]
    if named.type != accounts.by_name[key].type:
        raise PlanError(
            f"{part.table}: {part.user} is {named.type}, and {key} of {accounts} is "
            f"{accounts.by_name[key].type}",
            "Name the column that user refers to.",
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
            f'Add it to {words.removeprefix("known_")}; "" is for null.',
        )
