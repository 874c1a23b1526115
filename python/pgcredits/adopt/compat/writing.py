"""What the triggers of a writable view do: they move credits, and write the rest to the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgcredits.adopt.compat.views import lots_shown
from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_sql, read_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg
    from psycopg.sql import Composable

    from pgcredits.adopt.compat.writable import Place
    from pgcredits.adopt.plan.model import Bucket

SQL = sql.SQL

#: The statements that a view takes, and the bodies that say what becomes of each.
EVENTS = {"insert": "write_insert", "update": "write_update", "delete": "write_delete"}

_FUNCTION = read_template(__package__, "write_function.sql")
_TRIGGER = SQL(
    "create trigger {trigger} instead of {event} on {view} for each row execute function"
    " {function}()"
)
_TIER_PLAN = read_template(__package__, "tier_plan.sql")
_COLUMNS = read_sql(__package__, "columns_of_table.sql")
_BUCKET = SQL("row({before}, {after}, {is_expiring}, {is_monthly}, {part_of}, {expires_at},"
              " {priority}, {unit_price_usd})::credits_internal.legacy_bucket")  # fmt: skip

#: The user of a new row, as compat's functions find them: they are registered, too.
_REGISTERED = {
    "uuid": SQL("{}::text::uuid"),
    "external": SQL("credits.register_user({}::text)"),
    "md5": SQL("credits_internal.remember_user(md5({0}::text)::uuid, {0}::text)"),
}


def make_writable(conn: psycopg.Connection[Any], place: Place) -> list[Composable]:
    """Give a view the triggers that take its writes, and the defaults of its table.

    Returns:
        What was made, as COMMENT ON takes it.
    """
    columns = conn.execute(_COLUMNS, {"table": place.behind.as_string(conn)}).fetchall()
    for column in columns:
        if column.default_value and not column.is_generated:
            conn.execute(
                SQL("alter view {} alter column {} set default {}").format(
                    place.view, sql.Identifier(column.name), SQL(column.default_value)
                )
            )
    parts = _parts(place, [column for column in columns if not column.is_generated])
    made: list[Composable] = []
    for event, name in EVENTS.items():
        function = place.function(event)
        body = read_template(__package__, f"bodies/{name}.sql").format(**parts)
        body_text = sql.Literal(body.as_string(conn))
        conn.execute(_FUNCTION.format(function=function, body=body_text))
        conn.execute(SQL("revoke all on function {}() from public").format(function))
        conn.execute(
            _TRIGGER.format(
                trigger=sql.Identifier(f"pgcredits_{event}"),
                event=SQL(event),
                view=place.view,
                function=function,
            )
        )
        made.append(SQL("function {}()").format(function))
    return made


def _parts(place: Place, columns: list[Any]) -> dict[str, Composable]:
    """What the bodies leave open; columns are those that can be written."""
    part = place.part
    buckets = [bucket.column for bucket in part.buckets]
    others = [one.name for one in columns if one.name not in buckets]
    return {
        **_meanings(place),
        "user_id": place.user_id,
        "user": sql.Identifier(part.user),
        "user_name": sql.Literal(part.user),
        "registered": _REGISTERED[place.plan.user_ids].format(sql.Identifier("new", part.user)),
        "key": sql.Identifier(part.key),
        "name": sql.Literal(part.table),
        "view": place.view,
        "table": place.behind,
        "seen_buckets": _listed("t", buckets),
        "v_buckets": _listed("v_seen", buckets),
        "old_buckets": _listed("old", buckets),
        "new_balances": SQL(", ").join(map(_not_null, buckets)),
        "zeros": SQL(", ").join(SQL("0") for _ in buckets),
        "settings": SQL(", ").join(
            SQL("{} = {}").format(sql.Identifier(one.name), sql.Identifier("new", one.name))
            for one in columns
            # An identity stays as it was given.
            if one.name not in buckets and not one.sequence
        ),
        "t_columns": _listed("t", others),
        "old_columns": _listed("old", others),
        "columns": SQL(", ").join(sql.Identifier(one.name) for one in columns),
        "values": SQL(", ").join(_inserted(one, buckets) for one in columns),
    }


def _meanings(place: Place) -> dict[str, Composable]:
    """What the columns that are written mean."""
    part, plan = place.part, place.plan
    watched = [bucket.column for bucket in part.buckets]
    is_reset: Composable = SQL("false")
    is_new_plan: Composable = SQL("false")
    if any(bucket.expires == "next_reset" for bucket in part.buckets):
        watched.append(part.reset)
        is_reset = SQL("new.{0} is distinct from old.{0}").format(sql.Identifier(part.reset))
    if part.tiers:
        watched += [name for name in (part.tier, part.allowance) if name]
        is_new_plan = SQL("{} is distinct from {}").format(
            _plan_of_tier(place, "new"), _plan_of_tier(place, "old")
        )
    return {
        "new_watched": _listed("new", watched),
        "old_watched": _listed("old", watched),
        "is_reset": is_reset,
        "is_new_plan": is_new_plan,
        "plan": _plan_of_tier(place, "new") if part.tiers else expressions.NULL,
        "next_reset": queries.next_reset(part),
        "buckets": _buckets(place, is_new=False),
        "opening": _buckets(place, is_new=True),
        "max_rise": sql.Literal(plan.compat_max_rise),
        "refund_within": SQL("make_interval(days => {})").format(
            sql.Literal(plan.stuck_after_days)
        ),
    }


def _listed(row: str, names: Iterable[str]) -> Composable:
    return SQL(", ").join(sql.Identifier(row, name) for name in names)


def _not_null(bucket: str) -> Composable:
    return SQL("coalesce({}, 0)").format(sql.Identifier("new", bucket))


def _inserted(column: Any, buckets: list[str]) -> Composable:
    """What the table gets of a new row: its credits are in the ledger."""
    if column.name in buckets:
        return SQL("0")
    value = sql.Identifier("new", column.name)
    if column.sequence:
        return SQL("coalesce({}, nextval({}))").format(value, sql.Literal(column.sequence))
    return value


def _plan_of_tier(place: Place, row: str) -> Composable:
    plan = _TIER_PLAN.format(
        changed=sql.Identifier(row),
        tier=expressions.column(place.part.tier),
        allowance=expressions.column(place.part.allowance),
        words=sql.Literal(list(place.tiers)),
        plans=sql.Literal(list(place.tiers.values())),
    )
    return SQL("({})").format(plan)


# --- buckets --------------------------------------------------------------------------------------


def _buckets(place: Place, *, is_new: bool) -> Composable:
    """The columns with credits, before and after: of a new row they were 0."""
    places = {bucket.column: at for at, bucket in enumerate(place.part.buckets, start=1)}
    totals = {name: places[bucket.column] for bucket in place.part.buckets for name in bucket.parts}
    shows_all = ("all",) in lots_shown(place.part).values()
    rows = []
    for bucket in place.part.buckets:
        expires = bucket.expires != "never"
        after = sql.Identifier("new", bucket.column)
        rows.append(
            _BUCKET.format(
                before=SQL("0")
                if is_new
                else _credits(place, sql.Identifier("old", bucket.column)),
                after=_credits(place, _not_null(bucket.column) if is_new else after),
                is_expiring=expressions.NULL if shows_all else sql.Literal(expires),
                is_monthly=sql.Literal(bucket.expires == "next_reset"),
                part_of=sql.Literal(totals.get(bucket.column)),
                expires_at=_expiry(place, bucket),
                priority=sql.Literal(bucket.priority),
                unit_price_usd=sql.Literal(bucket.unit_price_usd),
            )
        )
    return SQL("array[{}]").format(SQL(", ").join(rows))


def _credits(place: Place, amount: Composable) -> Composable:
    per_unit = sql.Literal(place.plan.credits_per_unit)
    if place.plan.rounding == "nearest":
        amount, per_unit = SQL("round({}::numeric * {})").format(amount, per_unit), sql.Literal(1)
    return SQL("credits_internal.legacy_credits({}::numeric, {})").format(amount, per_unit)


def _expiry(place: Place, bucket: Bucket) -> Composable:
    """When credits expire that the new row brings."""
    if bucket.expires == "never":
        return expressions.NULL
    if bucket.expires == "next_reset":
        return SQL("(select {} from (select new.*) as t)").format(queries.next_reset(place.part))
    return SQL("{}::timestamptz").format(sql.Identifier("new", bucket.expires))
