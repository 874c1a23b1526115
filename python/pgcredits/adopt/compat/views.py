"""Read-only views under the old tables' names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from pgcredits.adopt.source import expressions
from pgcredits.adopt.source.catalog import keeps_lots
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, History, Part, Plan, Tasks
    from pgcredits.adopt.source.catalog import Catalog, Column, Table

SQL = sql.SQL

#: The largest id in a column of numbers.
_LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1}

_BALANCES_VIEW = read_template(__package__, "balances_view.sql")
_LOTS_VIEW = read_template(__package__, "lots_view.sql")
_HISTORY_VIEW = read_template(__package__, "history_view.sql")
_TASKS_VIEW = read_template(__package__, "tasks_view.sql")


def view_queries(catalog: Catalog, plan: Plan) -> Iterator[tuple[Table, Composable, str]]:
    """The table of each view, the view's query, and what it shows.

    Where one table is read in several ways, the last of them counts.
    """
    queries: dict[str, tuple[Table, Composable, str]] = {}
    for balances in plan.balances:
        if not (balances.summed or balances.writable):
            table = catalog.tables_by_name[balances.table]
            if keeps_lots(table, balances):
                shown = _lots_view(plan, balances, catalog), "lots of today"
            else:
                shown = _balances_view(plan, balances, catalog), "balances of today"
            queries[table.name] = (table, *shown)
    # An application that goes on to write a table reads there what it wrote.
    for history in (part for part in plan.history if part.close != "nothing"):
        table = catalog.tables_by_name[history.table]
        shown = _history_view(plan, history, catalog), "the old rows, and the ledger since"
        queries[table.name] = (table, *shown)
    for tasks in (part for part in plan.tasks if not part.is_mirrored):
        table = catalog.tables_by_name[tasks.table]
        shown = _tasks_view(plan, tasks, table), "the old rows, as they stand now"
        queries[table.name] = (table, *shown)
    yield from queries.values()


def _balances_view(plan: Plan, part: Balances, catalog: Catalog) -> Composable:
    table = catalog.tables_by_name[part.table]
    per_unit = sql.Literal(plan.credits_per_unit)
    old_id = _old_id(plan, part, catalog, "s", "s")
    lots = _lots_by_bucket(part)
    shown: list[Composable] = []
    for column in table.columns:
        if column.name in lots:
            value = SQL("({}) / {}::numeric").format(SQL(lots[column.name]), per_unit)
            shown.append(as_column(value, column))
        elif column.name == part.user:
            value = SQL("coalesce(t.{}::text, {})").format(sql.Identifier(column.name), old_id)
            shown.append(as_column(value, column))
        else:
            shown.append(SQL("t.{}").format(sql.Identifier(column.name)))
    return _BALANCES_VIEW.format(
        shown=SQL(", ").join(shown),
        table=table.identifier,
        user_id=_user_id(plan, part),
        key=sql.Identifier(part.key),
        old_id=old_id,
    )


def _user_id(plan: Plan, part: Balances | Tasks) -> Composable:
    return expressions.user_id(plan, expressions.user(plan, part))


def _old_id(plan: Plan, part: Part, catalog: Catalog, known: str, named: str) -> Composable:
    """What the old table has for a user, as a text: the id, or that of the account; null = nothing.

    Args:
        plan: Of which kind ids are.
        part: The table, and its column.
        catalog: The older system's.
        known: The alias with the user_id of pgcredits.
        named: The alias with the external_id.
    """
    if not part.accounts:
        column = catalog.tables_by_name[part.table].by_name[part.user]
        return _external_id(plan, column, known, named)
    accounts, key, owner = part.accounts
    column = catalog.tables_by_name[accounts].by_name[owner]
    return SQL("(select min(a.{}::text) from {} as a where a.{} = ({})::{})").format(
        sql.Identifier(key),
        expressions.table(accounts),
        sql.Identifier(owner),
        _external_id(plan, column, known, named),
        SQL(column.type),
    )


def _external_id(plan: Plan, column: Column, known: str, named: str) -> Composable:
    if plan.user_ids == "uuid":
        return SQL("{}.user_id::text").format(sql.Identifier(known))
    external_id = sql.Identifier(named, "external_id")
    if not column.is_number:
        return external_id
    # Whoever was registered by an id of another kind is none of the old table's users.
    return SQL(
        "case when {0} ~ '^[0-9]{{1,18}}$' then case when {0}::bigint <= {1} then {0} end end"
    ).format(external_id, sql.Literal(_LARGEST.get(column.type, 10**18)))


def _lots_view(plan: Plan, part: Balances, catalog: Catalog) -> Composable:
    table = catalog.tables_by_name[part.table]
    (bucket,) = part.buckets
    per_unit = sql.Literal(plan.credits_per_unit)
    values: dict[str, Composable] = {
        bucket.column: SQL("coalesce(s.remaining, 0) / {}::numeric").format(per_unit),
        bucket.expires: SQL("coalesce({}, s.expires_at)").format(
            expressions.column(bucket.expires)
        ),
    }
    old_id = _old_id(plan, part, catalog, "s", "s")
    values[part.user] = SQL("coalesce({}::text, {})").format(expressions.column(part.user), old_id)
    return _LOTS_VIEW.format(
        shown=SQL(", ").join(
            as_column(values.get(one.name, expressions.column(one.name)), one)
            for one in table.columns
        ),
        table=table.identifier,
        name=sql.Literal(part.table),
        key=sql.Identifier(part.key),
        old_id=old_id,
    )


def lots_shown(part: Balances) -> dict[str, tuple[str, ...]]:
    """Which of a user's lots each column shows: each in one column, and in the total of that.

    Returns:
        For each column kinds of lots: all, or expiring and lasting; of none it shows 0.
    """
    own: dict[str, tuple[str, ...]] = {}
    for bucket in part.buckets:
        kind = ("lasting" if bucket.expires == "never" else "expiring",)
        own[bucket.column] = () if kind in own.values() else kind
    if len({kind for kind in own.values() if kind}) == 1:
        own = {name: kind and ("all",) for name, kind in own.items()}
    return {
        bucket.column: tuple(kind for name in (bucket.column, *bucket.parts) for kind in own[name])
        for bucket in part.buckets
    }


def _lots_by_bucket(part: Balances) -> dict[str, str]:
    """The credits that each column shows."""
    return {
        name: " + ".join(f"coalesce(s.{kind}_credits, 0)" for kind in kinds) or "0"
        for name, kinds in lots_shown(part).items()
    }


def _history_view(plan: Plan, part: History, catalog: Catalog) -> Composable:
    table = catalog.tables_by_name[part.table]
    per_unit = sql.Literal(plan.credits_per_unit)
    # The old word for each type of ours: the first that meant it.
    old_words = {meaning: word for word, meaning in reversed(list(part.kinds.items()))}
    kinds = {
        "deduction": old_words.get("charge", "charge"),
        "refund": old_words.get("refund", "refund"),
        "grant": old_words.get("grant", "grant"),
        "expiry": old_words.get("expiry", "expiry"),
        "revocation": old_words.get("charge", "charge"),
    }
    kind = SQL("case e.transaction_type {} end").format(expressions.whens(kinds))
    amount = SQL(
        "e.credits / {}::numeric" if part.sign == "stored" else "abs(e.credits) / {}::numeric"
    ).format(per_unit)
    values: dict[str, Composable] = {
        part.user: _old_id(plan, part, catalog, "e", "x"),
        part.at: SQL("e.created_at"),
        part.amount: amount,
        part.credit: SQL("nullif(greatest(0, e.credits), 0) / {}::numeric").format(per_unit),
        part.debit: SQL("nullif(greatest(0, -e.credits), 0) / {}::numeric").format(per_unit),
        part.kind: kind,
        part.after: SQL("e.balance_after / {}::numeric").format(per_unit),
        (*part.references, "")[0]: SQL("coalesce(e.generation_id::text, e.idempotency_key)"),
        part.cost: SQL("e.cost_usd"),
    }
    if not table.by_name[part.key].is_number:
        values[part.key] = SQL("e.transaction_id::text")
    old = SQL(", ").join(sql.Identifier("t", column.name) for column in table.columns)
    new = SQL(", ").join(
        as_column(values.get(column.name, expressions.NULL), column) for column in table.columns
    )
    return _HISTORY_VIEW.format(old=old, table=table.identifier, new=new)


def _tasks_view(plan: Plan, part: Tasks, table: Table) -> Composable:
    old_words: dict[str, str] = {
        meaning: word for word, meaning in reversed(list(part.statuses.items()))
    }
    status = SQL("{}::text").format(expressions.column(part.status))
    if old_words:
        status = SQL("coalesce(case g.status {} end, {})").format(
            expressions.whens(old_words), status
        )
    came_back = SQL("coalesce(r.refunded, 0) > 0")
    values: dict[str, Composable] = {
        part.status: status,
        part.refunded_flag: SQL("({} or coalesce({}, false))").format(
            came_back, expressions.column(part.refunded_flag)
        )
        if part.refunded_flag
        else expressions.NULL,
    }
    shown = SQL(", ").join(
        as_column(values[column.name], column)
        if column.name in values and column.name
        else sql.Identifier("t", column.name)
        for column in table.columns
    )
    return _TASKS_VIEW.format(
        shown=shown,
        table=table.identifier,
        user_id=_user_id(plan, part),
        generation_id=expressions.generation_id(part),
    )


def as_column(value: Composable, column: Column) -> Composable:
    """A value as a column of the old table's name and type."""
    # A cast to character would cut to one.
    type_ = "bpchar" if column.type == "character" else column.type
    return SQL("({})::{} as {}").format(value, SQL(type_), sql.Identifier(column.name))
