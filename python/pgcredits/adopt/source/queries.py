"""An older system's rows in our words: queries made from the plan.

Their user_id is the id that the older system has for the user; expressions.user_id turns it into
ours. None of them needs pgcredits in the database, so that an older system can be looked at before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from pgcredits.adopt.source.expressions import (
    NULL,
    SQL,
    column,
    counts,
    first_time,
    generation_id,
    in_credits,
    meaning,
    table,
    text,
    user,
    user_id,
    user_type,
    whole,
)
from pgcredits.adopt.source.vocabulary import FINISHED_STATUSES
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.sql import Composable

    from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Refunds, Tasks

_BALANCES = read_template(__package__, "balances.sql")
_HISTORY = read_template(__package__, "history.sql")
_LOGGED_REFUNDS = read_template(__package__, "logged_refunds.sql")
_MIRRORED_TASK = read_template(__package__, "mirrored_task.sql")
_MOVES = read_template(__package__, "moves.sql")
_MONTHS_SINCE = read_template(__package__, "months_since.sql")
_NEXT_RESET = read_template(__package__, "next_reset.sql")
_NO_REFUNDS = read_template(__package__, "no_refunds.sql")
_SEVERAL_EACH = read_template(__package__, "several_each.sql")
_REFUNDS_OF_HISTORY = read_template(__package__, "refunds_of_history.sql")
_SUMMED_BALANCES = read_template(__package__, "summed_balances.sql")
_TASKS = read_template(__package__, "tasks.sql")
_TASKS_OF_TABLE = read_template(__package__, "tasks_of_table.sql")
_USERS = read_template(__package__, "users.sql")

_ZERO = SQL("0")
#: Amounts of kinds whose stored sign cannot be trusted; of other kinds the sign is unknown.
_SIGNED_BY_KIND = SQL(
    "case k.kind when 'charge' then -abs({0}) when 'expiry' then -abs({0})"
    " when 'grant' then abs({0}) when 'refund' then abs({0}) end"
)
#: The same, where an amount below 0 does the opposite of what its kind says.
_TURNED_BY_KIND = SQL(
    "case k.kind when 'charge' then -({0}) when 'expiry' then -({0})"
    " when 'grant' then {0} when 'refund' then {0} end"
)
_REFUND_DONE = SQL(
    "coalesce(lower({}::text), '') in ('done', 'completed', 'refunded', 'processed', 'success')"
)


def repeated(of: sql.Identifier, name: str) -> sql.Composed:
    """A row where several rows of a table have the same in a column."""
    return _SEVERAL_EACH.format(column=sql.Identifier(name), table=of)


# --- users ----------------------------------------------------------------------------------------


def users(plan: Plan) -> Composable:
    """The users of all tables, each once."""
    return SQL(" union ").join(
        _USERS.format(user_id=user(plan, part), table=table(part.table)) for part in plan.parts
    )


# --- balances -------------------------------------------------------------------------------------


def balances(plan: Plan, part: Balances) -> Composable:
    """What each bucket of each row holds; its column found may have a fraction, or be below 0."""
    if part.summed:
        rows = SQL(" union all ").join(
            SQL("select h.user_id, h.credits from ({}) as h").format(history(plan, one))
            for one in summed_histories(plan, part)
        )
        # Its rows have no key but their user's: under 0.1.0 that was the id in pgcredits.
        source_id = user_id(plan, SQL("h.user_id")) if plan.user_ids == "md5" else SQL("h.user_id")
        total = SQL("round(sum(h.credits))" if plan.rounding == "nearest" else "sum(h.credits)")
        return _SUMMED_BALANCES.format(source_id=source_id, history=rows, total=total)
    reset = _last_reset(part)
    return _BALANCES.format(
        user_id=user(plan, part),
        key=sql.Identifier(part.key),
        table=table(part.table),
        months=_MONTHS_SINCE.format(reset=reset),
        counts=counts(part.dead),
        buckets=SQL(", ").join(
            _bucket(bucket, own_credits(plan, part, bucket), reset) for bucket in part.buckets
        ),
    )


def summed_histories(plan: Plan, part: Balances) -> tuple[History, ...]:
    """The histories whose sum a balance is."""
    return tuple(one for one in plan.history if one.table in (part.table, *part.sums))


def own_credits(plan: Plan, part: Balances, bucket: Bucket) -> Composable:
    """The credits of a bucket: without those of others that it includes.

    The total decides: where less is left than its parts say, the first named keep what there is.
    """
    for total in part.buckets:
        if bucket.column in (total.column, *total.parts) and total.parts:
            left = _held(plan, total.column)
            for name in total.parts:
                kept = SQL("greatest(0, least({}, {}))").format(_held(plan, name), left)
                if name == bucket.column:
                    return kept
                left = SQL("({} - {})").format(left, kept)
            return left
    return whole(plan, column(bucket.column))


def _held(plan: Plan, name: str) -> Composable:
    return SQL("coalesce({}, 0)").format(whole(plan, column(name)))


def next_reset(part: Balances) -> Composable:
    """When the old system would next have given monthly credits."""
    reset = _last_reset(part)
    return SQL("(select ({at}) from ({months}) as m)").format(
        at=_NEXT_RESET.format(reset=reset), months=_MONTHS_SINCE.format(reset=reset)
    )


def _last_reset(part: Balances) -> Composable:
    return SQL("coalesce({}, date_trunc('month', now()))").format(first_time(part.reset))


def _bucket(bucket: Bucket, own: Composable, reset: Composable) -> Composable:
    expires: Composable
    if bucket.expires == "never":
        expires = SQL("null::timestamptz")
    elif bucket.expires == "next_reset":
        expires = SQL("({})").format(_NEXT_RESET.format(reset=reset))
    else:
        expires = first_time(bucket.expires)
    return SQL("({}, {}, {}, {}::integer, {}::numeric)").format(
        sql.Literal(bucket.column),
        own,
        expires,
        sql.Literal(bucket.priority),
        sql.Literal(bucket.unit_price_usd),
    )


# --- history --------------------------------------------------------------------------------------


def history(plan: Plan, part: History) -> Composable:
    """What each row did to the user's credits; one that did not happen moved nothing."""
    return _HISTORY.format(
        user_id=user(plan, part),
        key=sql.Identifier(part.key),
        at=first_time(part.at),
        moved=_moved(plan, part),
        amount=_happened(part, _stated(plan, part)),
        cost=column(part.cost),
        reference=SQL("coalesce({})").format(
            SQL(", ").join(text(name) for name in part.references or ("",))
        ),
        after=_happened(part, column(part.after), NULL),
        table=table(part.table),
        kind=_happened(part, _kind(plan, part), SQL("'other'")),
    )


def moves(plan: Plan, readings: Mapping[str, History]) -> Composable:
    """What one history did to each user's credits, by several readings; each has its column.

    The readings may differ in the sign and in which rows happened, in nothing else.
    """
    part = next(iter(readings.values()))
    return _MOVES.format(
        user_id=user(plan, part),
        sums=SQL(", ").join(
            SQL("sum({}) as {}").format(_moved(plan, one), sql.Identifier(name))
            for name, one in readings.items()
        ),
        table=table(part.table),
        kind=_kind(plan, part),
    )


def _kind(plan: Plan, part: History) -> Composable:
    """What a row did, if it happened."""
    if part.kind:
        return meaning(column(part.kind), part.kinds, SQL("'other'"))
    return SQL("case when {} < 0 then 'charge' else 'grant' end").format(_stated(plan, part))


def _moved(plan: Plan, part: History) -> Composable:
    stated = _stated(plan, part)
    by_kind = {"kind": _SIGNED_BY_KIND, "both": _TURNED_BY_KIND}.get(part.sign)
    return _happened(part, by_kind.format(stated) if by_kind else stated)


def _stated(plan: Plan, part: History) -> Composable:
    """The amount that a row states, whatever its sign means."""
    if part.sign == "columns":
        difference = SQL("(coalesce({}, 0) - coalesce({}, 0))").format(
            column(part.credit), column(part.debit)
        )
        return in_credits(plan, difference)
    return in_credits(plan, column(part.amount))


def _happened(
    part: History | Refunds, value: Composable, otherwise: Composable = _ZERO
) -> Composable:
    """A value of rows that happened, and another of those that did not."""
    signs = [counts(part.dead)] if part.dead else []
    if part.status and part.void:
        words = sql.Literal(list(part.void))
        signs.append(SQL("coalesce({}::text, '') <> all({})").format(column(part.status), words))
    if not signs:
        return value
    return SQL("case when {} then {} else {} end").format(
        SQL(" and ").join(signs), value, otherwise
    )


# --- tasks, and what was refunded of their price --------------------------------------------------


def tasks(plan: Plan) -> Composable:
    """Every task, with the credits that it cost and those that came back, wherever that is noted.

    The same refund may stand on the task, in a log and in the history: each of them is summed, and
    the largest sum counts. Refunds that name no task count for the user's oldest failures, if the
    plan wants that.
    """
    return _TASKS.format(
        all_tasks=tasks_alone(plan),
        all_refunds=refunds(plan),
        count_unnamed=sql.Literal(int(plan.unnamed_refunds == "count")),
    )


def tasks_alone(plan: Plan) -> Composable:
    """Every task, with what it says of itself."""
    return SQL(" union all ").join(tasks_of_table(plan, part) for part in plan.tasks)


def refunds(plan: Plan) -> Composable:
    """Every refund of every log and history: its table, its user, what it names, and how much."""
    logged = [_logged_refunds(plan, part) for part in plan.refunds]
    in_history = [
        _REFUNDS_OF_HISTORY.format(name=sql.Literal(part.table), history=history(plan, part))
        for part in plan.history
        if "refund" in part.kinds.values()
    ]
    return SQL(" union all ").join(
        (_NO_REFUNDS.format(user_type=user_type(plan)), *logged, *in_history)
    )


def _logged_refunds(plan: Plan, part: Refunds) -> Composable:
    return _LOGGED_REFUNDS.format(
        name=sql.Literal(part.table),
        user_id=user(plan, part),
        task=text(part.task),
        credits=_happened(part, whole(plan, column(part.credits))),
        table=table(part.table),
    )


def tasks_of_table(plan: Plan, part: Tasks) -> Composable:
    """The tasks of one table, with what they say of themselves."""
    return _read_tasks(
        plan,
        part,
        rows=table(part.table),
        status=meaning(column(part.status), part.known_statuses, SQL("'unknown'")),
        stuck=_is_stuck(plan, part),
    )


def _read_tasks(
    plan: Plan, part: Tasks, *, rows: Composable, status: Composable, stuck: Composable
) -> Composable:
    # A text longer than this cannot be a provider's id.
    task_ids = SQL(", ").join(
        SQL("case when length({0}) <= 500 then {0} end").format(text(name))
        for name in part.task_ids
    )
    return _TASKS_OF_TABLE.format(
        user_id=user(plan, part),
        name=sql.Literal(part.table),
        key=sql.Identifier(part.key),
        generation_id=generation_id(part),
        provider=column(part.provider),
        type=column(part.type),
        task_ids=SQL("array[{}]::text[]").format(task_ids),
        credits=whole(plan, column(part.credits)),
        created=first_time(part.created),
        finished=first_time(*part.finished),
        finished_statuses=SQL(", ").join(sql.Literal(one) for one in FINISHED_STATUSES),
        cost=column(part.cost),
        error_type=column(part.error_type),
        error_message=column(part.error_message),
        is_refunded=_is_refunded(part),
        refund_credits=whole(plan, column(part.refunded_credits)),
        table=rows,
        status=status,
        stuck=stuck,
    )


def tasks_now(plan: Plan, part: Tasks) -> Composable:
    """The tasks of one table as they are written: none counts as timed out by its age."""
    return _written(plan, part, table(part.table))


def mirrored_task(plan: Plan, part: Tasks) -> Composable:
    """A row of a table of tasks, $1, as credits_internal.imported_task says it.

    A word that nobody explains gives no status.
    """
    return _MIRRORED_TASK.format(
        user_id=user_id(plan, SQL("t.user_id")), tasks=_written(plan, part, SQL("(select ($1).*)"))
    )


def _written(plan: Plan, part: Tasks, rows: Composable) -> Composable:
    status = meaning(column(part.status), part.known_statuses, NULL)
    return _read_tasks(plan, part, rows=rows, status=status, stuck=SQL("false"))


def _is_stuck(plan: Plan, part: Tasks) -> Composable:
    """Whether a task in flight counts as timed out."""
    if plan.in_flight == "owe":
        return SQL("true")
    return SQL("coalesce({}, '-infinity') < now() - make_interval(days => {})").format(
        first_time(part.created), sql.Literal(plan.stuck_after_days)
    )


def _is_refunded(part: Tasks) -> Composable:
    """Whether a task itself says that its credits came back."""
    signs: list[Composable] = []
    if part.refunded_flag:
        signs.append(SQL("coalesce({}, false)").format(column(part.refunded_flag)))
    if part.refunded_at:
        signs.append(SQL("{} is not null").format(column(part.refunded_at)))
    if part.refunded_status:
        signs.append(_REFUND_DONE.format(column(part.refunded_status)))
    # Where another column says whether a refund was made, a number of credits may be one that is
    # only planned.
    if part.refunded_credits and not signs:
        signs.append(SQL("coalesce({}::numeric, 0) > 0").format(column(part.refunded_credits)))
    return SQL("({})").format(SQL(" or ").join(signs)) if signs else SQL("false")
