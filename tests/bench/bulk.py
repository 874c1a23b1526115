"""Rows as our functions write them, chain and all, for many users in one statement.

The ledgers of a sample are verified after the runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from datetime import datetime, timedelta

Connection = psycopg.Connection[Any]

#: What is to be written next: at most one row for each user.
PLANNED = """
    create temporary table planned (
        user_id uuid primary key,
        at timestamptz not null,
        transaction_type credits.transaction_type not null default 'deduction',
        transaction_id uuid not null,
        credits bigint not null default -1,
        idempotency_key text,
        refund_of uuid,
        generation_id uuid,
        status credits.generation_status not null default 'succeeded',
        finished_at timestamptz,
        provider text not null default 'bench',
        generation_type text not null default 'image'
    )
"""

LEDGER = """
    with entries as materialized (
        select
            u.*,
            p.at,
            p.transaction_type,
            p.transaction_id,
            p.credits,
            case when p.transaction_type = 'deduction' then -p.credits end as requested_credits,
            p.idempotency_key,
            p.refund_of,
            p.generation_id,
            jsonb_build_array(credits_internal.allocation(u.current_lot_id, p.credits)) as legs,
            credits_internal.content_digest(null, '{}') as digest
        from planned as p
        inner join credits.user_credits as u on u.user_id = p.user_id
    ),
    chained as materialized (
        select
            e.*,
            credits_internal.entry_hash(
                e.ledger_head, e.user_id, e.transaction_id, e.last_seq + 1, e.transaction_type,
                e.credits, e.requested_credits, e.balance + e.credits, e.legs, null, e.refund_of,
                null, e.generation_id, null, e.idempotency_key, e.digest, e.at
            ) as hash
        from entries as e
    ),
    users as (
        update credits.user_credits as u
        set
            balance = u.balance + c.credits,
            current_lot_remaining = u.current_lot_remaining + c.credits,
            last_seq = u.last_seq + 1,
            last_entry_at = c.at,
            ledger_head = c.hash
        from chained as c
        where u.user_id = c.user_id
    ),
    lots as (
        update credits.credit_lots as l
        set remaining = l.remaining + c.credits
        from chained as c
        where
            l.user_id = c.user_id
            and l.lot_id = c.current_lot_id
    )
    insert into credits.credit_transactions (
        user_id, transaction_id, seq, credits, requested_credits, balance_after, created_at,
        transaction_type, refund_of, generation_id, allocations, idempotency_key, metadata,
        content_digest, entry_hash
    )
    select
        c.user_id, c.transaction_id, c.last_seq + 1, c.credits, c.requested_credits,
        c.balance + c.credits, c.at, c.transaction_type, c.refund_of, c.generation_id, c.legs,
        c.idempotency_key, '{}', c.digest, c.hash
    from chained as c
"""

GENERATIONS = """
    with tasks as (
        insert into credits.provider_tasks (
            provider, provider_task_id, user_id, generation_id, created_at
        )
        select p.provider, 'old-' || p.generation_id, p.user_id, p.generation_id, p.at
        from planned as p
        where p.generation_id is not null
    ),
    events as (
        insert into credits.generation_events (
            user_id, generation_id, event_no, event, status_before, applied, is_callback,
            created_at, payload
        )
        select
            p.user_id, p.generation_id, 1,
            (
                case p.status
                    when 'succeeded' then 'success' when 'failed' then 'failure' else 'deadline'
                end
            )::credits.generation_event,
            'pending', true, false, p.finished_at, '{}'
        from planned as p
        where p.generation_id is not null
    )
    insert into credits.generations (
        user_id, generation_id, charge_transaction_id, credits_charged, refund_due_credits,
        created_at, deadline_at, finished_at, last_event_no, status, provider, generation_type,
        provider_task_id, cost_usd, provider_billed, error_type, metadata
    )
    select
        p.user_id, p.generation_id, p.transaction_id, 1, (p.status <> 'succeeded')::integer,
        p.at, p.at + interval '1 hour', p.finished_at, 1, p.status, p.provider, p.generation_type,
        'old-' || p.generation_id, 0.04, true,
        case when p.status <> 'succeeded' then 'internal_error' end, '{}'
    from planned as p
    where p.generation_id is not null
"""

REFUNDS_TO_COME = """
    create temporary table failed on commit drop as
    select
        p.user_id,
        p.finished_at as at,
        'refund'::credits.transaction_type as transaction_type,
        credits_internal.uuid_v7(p.finished_at) as transaction_id,
        1::bigint as credits,
        p.transaction_id as refund_of,
        p.generation_id
    from planned as p
    where
        p.generation_id is not null
        and p.status <> 'succeeded'
"""


def prepare(conn: Connection) -> None:
    """Make an autocommitting session ready to load."""
    conn.execute("set synchronous_commit = off")
    conn.execute(PLANNED)


def add_deductions(conn: Connection, first: int, last: int) -> None:
    """One deduction, now, for each of these users."""
    with conn.transaction():
        _plan(
            conn,
            "user_id, at, transaction_id, idempotency_key",
            "md5(i::text)::uuid, t.at, credits_internal.uuid_v7(t.at), 'load-' || gen_random_uuid()"
            " from generate_series(%s::bigint, %s::bigint) as i"
            " cross join (select clock_timestamp() as at) as t",
            first,
            last,
        )
        conn.execute(LEDGER)


def add_generations(conn: Connection, first: int, last: int) -> None:
    """One generation that succeeds now, without a callback, for each of these users."""
    with conn.transaction():
        _plan(
            conn,
            "user_id, at, transaction_id, generation_id, finished_at",
            "md5(i::text)::uuid, t.at, credits_internal.uuid_v7(t.at),"
            " credits_internal.uuid_v7(t.at), t.at"
            " from generate_series(%s::bigint, %s::bigint) as i"
            " cross join (select clock_timestamp() as at) as t",
            first,
            last,
        )
        conn.execute(LEDGER)
        conn.execute(GENERATIONS)


def add_history(
    conn: Connection, users: int, begins: datetime, lasts: timedelta, deductions: int
) -> None:
    """For each user, within this time: so many deductions, and a generation somewhere among them.

    One generation in eight comes back.
    """
    turns = deductions + 1
    for turn in range(turns):
        with conn.transaction():
            _plan(
                conn,
                "user_id, at, transaction_id, generation_id, status, finished_at, provider,"
                " generation_type",
                """
                md5(i::text)::uuid,
                t.at,
                credits_internal.uuid_v7(t.at),
                case when (i + %s) %% %s = 0 then credits_internal.uuid_v7(t.at) end,
                (
                    case (random() * 16)::integer
                        when 1 then 'failed' when 2 then 'timed_out' else 'succeeded'
                    end
                )::credits.generation_status,
                t.at + interval '20 seconds',
                (array['alpha', 'beta', 'gamma'])[1 + i / 4 %% 3],
                (array['image', 'video', 'text', 'sound'])[1 + i %% 4]
                from generate_series(1, %s::bigint) as i
                cross join lateral (
                    select %s::timestamptz + %s::interval * ((i + %s) / (%s + 1.0)) as at
                ) as t
                """,
                *(turn, turns, users, begins, lasts / turns, turn * (users + 1), users),
            )
            conn.execute(LEDGER)
            conn.execute(GENERATIONS)
            conn.execute(REFUNDS_TO_COME)
            _plan(
                conn,
                "user_id, at, transaction_type, transaction_id, credits, refund_of, generation_id",
                "f.* from failed as f",
            )
            conn.execute(LEDGER)
            conn.execute(
                "insert into credits.refund_totals"
                " (user_id, transaction_id, charged, refunded, last_refund_id)"
                " select p.user_id, p.refund_of, 1, 1, p.transaction_id from planned as p"
            )


def _plan(conn: Connection, columns: str, query: str, *parameters: object) -> None:
    conn.execute("truncate planned")
    conn.execute(f"insert into planned ({columns}) select {query}".encode(), parameters)
    conn.execute("analyze planned")
