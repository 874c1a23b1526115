"""The views agree with the ledger, and with each other, on a long random history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    import random

    import psycopg

    from support.databases import Database

GENERATIONS = 25_000
SESSIONS = 2
LASTS = timedelta(days=130)
#: Its days have 23 and 25 hours at times, and none begins at midnight UTC.
ZONE = "America/New_York"

#: The one thing that is replaced: each session has a clock of its own.
CLOCK = """
    create or replace function credits_internal.clock() returns timestamptz
    language sql volatile parallel safe security invoker as $clock$
        select coalesce(
            nullif(pg_catalog.current_setting('test.now', true), '')::timestamptz,
            pg_catalog.clock_timestamp()
        )
    $clock$
"""

#: All that a user, a provider and the platform may do, in any order, by the public functions.
LIVE = """
    do $live$
    declare
        v_now timestamptz;
        v_user uuid;
        v_generation uuid;
        v_earlier uuid[] := array[]::uuid[];
        v_earlier_users uuid[] := array[]::uuid[];
        v_slot integer;
        v_cost numeric;
        v_dice double precision;
        v_billed boolean;
    begin
        perform setseed({seed});

        for v_step in 1 .. {steps} loop
            v_now := {begins} + v_step * ({lasts} / {steps});
            perform set_config('test.now', v_now::text, false);
            v_user := md5({session} || '/' || (random() * 200)::integer)::uuid;
            v_generation := md5({session} || '-' || v_step)::uuid;
            v_cost := nullif((random() * 8)::integer, 0) * 0.01;
            v_billed := (array[true, false, null])[1 + (random() * 2)::integer];

            if (select g.balance < 40 from credits.get_user_credits(v_user) as g) then
                perform credits.grant_user_credits(
                    v_user,
                    50 + (random() * 100)::integer,
                    (array['purchase', 'promo', 'goodwill'])[1 + (random() * 2)::integer],
                    case when random() < 0.5 then v_now + random() * interval '40 days' end,
                    p_unit_price_usd => (array[0.05, 0, 0.1, null])[1 + (random() * 3)::integer],
                    p_idempotency_key => 'grant-{session}-' || v_step
                );
            end if;

            if random() < 0.05 then
                perform credits.refund_user_credits(
                    d.user_id, d.transaction_id, 1 + (random() * 2)::integer
                )
                from credits.deduct_user_credits(v_user, 3) as d;
            end if;

            perform credits.start_generation(
                v_user,
                (array['alpha', 'beta', 'gamma'])[1 + (random() * 2)::integer],
                (array['image', 'video'])[1 + (random())::integer],
                1 + (random() * 19)::integer,
                v_generation,
                (array[0.04, null])[1 + (random())::integer],
                interval '2 hours'
            );

            if random() < 0.7 then
                perform credits.attach_provider_task(v_user, v_generation, v_generation::text);
            end if;

            perform set_config('test.now', (v_now + random() * interval '5 min')::text, false);
            v_dice := random();

            if v_dice < 0.7 then
                perform credits.complete_generation(
                    v_user,
                    v_generation,
                    case when random() < 0.1 then (random() * 3)::integer end,
                    v_cost
                );
                v_slot := 1 + (random() * 50)::integer;
                v_earlier[v_slot] := v_generation;
                v_earlier_users[v_slot] := v_user;
            elsif v_dice < 0.9 then
                perform credits.fail_generation(
                    v_user,
                    v_generation,
                    (array['internal_error', 'timeout', 'invalid_image', 'odd'])
                        [1 + (random() * 3)::integer],
                    p_provider_billed => v_billed,
                    p_cost_usd => v_cost
                );
            elsif v_dice < 0.95 then
                perform credits.cancel_generation(v_user, v_generation);
            end if;

            -- Goodwill, long after, and in parts.
            if random() < 0.02 then
                v_slot := 1 + (random() * 50)::integer;
                perform credits.refund_user_credits(
                    g.user_id, g.charge_transaction_id, 1, 'sorry'
                )
                from credits.generations as g
                left join credits.refund_totals as r
                    on g.user_id = r.user_id and g.charge_transaction_id = r.transaction_id
                where
                    g.user_id = v_earlier_users[v_slot]
                    and g.generation_id = v_earlier[v_slot]
                    and g.finished_at is not null
                    and g.credits_charged > coalesce(r.refunded, 0);
            end if;

            if v_step % 500 = 0 then
                perform credits.sweep_stuck_generations(100000);
                perform credits.expire_user_credits(100000);
                commit;
            end if;
        end loop;
    end
    $live$
"""

#: The views' words, said anew from the tables alone.
FACTS = """
    create temporary table facts as
    select
        g.*,
        (g.created_at at time zone 'America/New_York')::date as started_on,
        (g.finished_at at time zone 'America/New_York')::date as finished_on,
        coalesce(r.refunded, 0) as refunded,
        g.status in ('succeeded', 'failed', 'timed_out') as is_finished,
        coalesce(g.provider_billed, case when g.status = 'succeeded' then true end) as billed,
        coalesce(g.cost_usd, g.quoted_cost_usd) as usd,
        g.provider_billed and g.status <> 'succeeded' and r.refunded > 0 as absorbed
    from credits.generations as g
    left join (
        select t.refund_of, sum(t.credits)::bigint as refunded
        from credits.credit_transactions as t
        where t.transaction_type = 'refund'
        group by t.refund_of
    ) as r on r.refund_of = g.charge_transaction_id
"""

SAME = {
    "usage_daily": (
        "select day, provider, generation_type, started, succeeded, failed, timed_out, cancelled,"
        " in_flight, credits_charged, credits_refunded, users"
        " from credits_monitoring.usage_daily",
        "select started_on, provider, generation_type, count(*),"
        " count(*) filter (where status = 'succeeded'), count(*) filter (where status = 'failed'),"
        " count(*) filter (where status = 'timed_out'),"
        " count(*) filter (where status = 'cancelled'),"
        " count(*) filter (where status in ('pending', 'processing')),"
        " sum(credits_charged)::bigint, sum(refunded)::bigint, count(distinct user_id)"
        " from facts group by 1, 2, 3",
    ),
    "usage and the ledger": (
        "select sum(credits_charged), sum(credits_refunded) from credits_monitoring.usage_daily",
        "select -sum(c.credits), sum(r.credits) from credits.generations as g"
        " inner join credits.credit_transactions as c"
        "  on c.transaction_id = g.charge_transaction_id"
        " left join (select refund_of, sum(credits) as credits from credits.credit_transactions"
        "  group by refund_of) as r on r.refund_of = c.transaction_id",
    ),
    "active_users_daily": (
        "select day, active_users, new_users, generations, credits_charged"
        " from credits_monitoring.active_users_daily",
        "select started_on, count(distinct f.user_id),"
        " count(distinct f.user_id) filter (where started_on = first_on), count(*),"
        " sum(credits_charged)::bigint from facts as f inner join (select user_id,"
        "  min(started_on) as first_on from facts group by 1) as n on n.user_id = f.user_id"
        " group by 1",
    ),
    "active_users_monthly": (
        "select month, active_users, new_users, generations, credits_charged"
        " from credits_monitoring.active_users_monthly",
        "select date_trunc('month', started_on)::date, count(distinct f.user_id),"
        " count(distinct f.user_id) filter (where date_trunc('month', started_on) = first_in),"
        " count(*), sum(credits_charged)::bigint from facts as f inner join (select user_id,"
        "  date_trunc('month', min(started_on)) as first_in from facts group by 1) as n"
        "  on n.user_id = f.user_id group by 1",
    ),
    "outcome_rates_daily": (
        "select day, provider, generation_type, finished, success_rate_pct"
        " from credits_monitoring.outcome_rates_daily",
        "select finished_on, provider, generation_type, count(*),"
        " round(100.0 * count(*) filter (where status = 'succeeded') / count(*), 2)"
        " from facts where is_finished group by 1, 2, 3",
    ),
    "refund_rate_daily": (
        "select day, provider, finished, refunded from credits_monitoring.refund_rate_daily",
        "select finished_on, provider, count(*),"
        " count(*) filter (where status <> 'succeeded' and refunded > 0)"
        " from facts where is_finished group by 1, 2",
    ),
    "provider_costs_daily": (
        "select day, provider, billed_generations, cost_usd, absorbed_cost_usd, unknown_billing"
        " from credits_monitoring.provider_costs_daily",
        "select finished_on, provider, count(*) filter (where billed),"
        " sum(usd) filter (where billed), coalesce(sum(usd) filter (where absorbed), 0),"
        " count(*) filter (where billed is null) from facts where finished_at is not null"
        " group by 1, 2",
    ),
    "provider_costs_monthly": (
        "select month, provider, billed_generations, cost_usd, absorbed_cost_usd, unknown_billing"
        " from credits_monitoring.provider_costs_monthly",
        "select date_trunc('month', day)::date, provider, sum(billed_generations)::bigint,"
        " sum(cost_usd), sum(absorbed_cost_usd), sum(unknown_billing)::bigint"
        " from credits_monitoring.provider_costs_daily group by 1, 2",
    ),
    "absorbed costs by day": (
        "select day, provider, cost_usd from credits_monitoring.absorbed_costs_daily"
        " where cost_usd > 0",
        "select day, provider, absorbed_cost_usd from credits_monitoring.provider_costs_daily"
        " where absorbed_cost_usd > 0",
    ),
    "absorbed costs by reason": (
        "select sum(absorbed_cost_usd) from credits_monitoring.refunds_by_reason_daily",
        "select sum(cost_usd) from credits_monitoring.absorbed_costs_daily",
    ),
    "absorbed costs by user": (
        "select sum(absorbed_cost_usd) from credits_monitoring.user_costs_monthly",
        "select sum(cost_usd) from credits_monitoring.absorbed_costs_daily",
    ),
    "refunds_by_reason_daily": (
        "select day, sum(refunds)::bigint, sum(credits_refunded)::bigint"
        " from credits_monitoring.refunds_by_reason_daily group by 1",
        "select (created_at at time zone 'America/New_York')::date, count(*),"
        " sum(credits)::bigint from credits.credit_transactions"
        " where transaction_type = 'refund' group by 1",
    ),
    "generation_costs": (
        "select user_id, generation_id, credits_charged, credits_refunded, credits_net, cost_usd"
        " from credits_monitoring.generation_costs",
        "select user_id, generation_id, credits_charged, refunded, credits_charged - refunded,"
        " case when billed then usd when not billed then 0 end from facts",
    ),
    "revenue": (
        "select user_id, generation_id, revenue_usd from credits_monitoring.generation_costs",
        """
        select
            f.user_id,
            f.generation_id,
            case when bool_and(l.unit_price_usd is not null or l.moved = 0)
                then coalesce(sum(-l.moved * l.unit_price_usd), 0)
            end
        from facts as f
        inner join (
            select
                coalesce(t.refund_of, t.transaction_id) as charge,
                coalesce(o.origin_lot_id, o.lot_id) as lot_id,
                o.unit_price_usd,
                sum((a ->> 'credits')::bigint) as moved
            from credits.credit_transactions as t
            cross join jsonb_array_elements(t.allocations) as a
            inner join credits.credit_lots as o
                on o.user_id = t.user_id and o.lot_id = (a ->> 'lot_id')::uuid
            where t.transaction_type in ('deduction', 'refund')
            group by 1, 2, 3
        ) as l on l.charge = f.charge_transaction_id
        group by 1, 2
        """,
    ),
    "user_costs_monthly": (
        "select month, user_id, generations, credits_net, revenue_usd, cost_usd"
        " from credits_monitoring.user_costs_monthly",
        "select date_trunc('month', started_at at time zone 'America/New_York')::date, user_id,"
        " count(*), sum(credits_net)::bigint, sum(revenue_usd), sum(cost_usd)"
        " from credits_monitoring.generation_costs group by 1, 2",
    ),
    "top_users_monthly": (
        "select month, user_id, generations, credits_net, cost_usd"
        " from credits_monitoring.top_users_monthly",
        "select month, user_id, generations, credits_net, cost_usd"
        " from credits_monitoring.user_costs_monthly",
    ),
    "failures": (
        "select count(*), sum(credits_refunded) from credits_monitoring.recent_failures",
        "select sum(failed + timed_out), (select sum(refunded) from facts"
        " where status in ('failed', 'timed_out')) from credits_monitoring.usage_daily",
    ),
    "liability": (
        "select sum(outstanding_credits) from credits_monitoring.credit_liability",
        "select sum(outstanding_credits) from credits_monitoring.balances_by_plan",
    ),
    "liability and the wallets": (
        "select sum(outstanding_credits) + (select coalesce(sum(l.remaining), 0)"
        " from credits.credit_lots as l where l.expires_at <= now())"
        " from credits_monitoring.credit_liability",
        "select credits from credits_monitoring.trial_balance where account = 'wallet'",
    ),
    "what was used": (
        "select sum(u.credits_charged - u.credits_refunded) + (select 3 * count(*) - sum(r.credits)"
        " from credits.credit_transactions as d"
        " inner join credits.credit_transactions as r on r.refund_of = d.transaction_id"
        " where d.generation_id is null) from credits_monitoring.usage_daily as u",
        "select credits from credits_monitoring.trial_balance where account = 'used'",
    ),
    "the double entry": (
        "select sum(credits) from credits_monitoring.trial_balance",
        "select 0::numeric",
    ),
}


@pytest.mark.slow
def test_sums_agree_on_a_long_random_history(
    conn: psycopg.Connection[Any], database: Database, rng: random.Random
) -> None:
    conn.execute(CLOCK)
    conn.execute("update credits.settings set business_time_zone = %s", (ZONE,))
    begins = datetime.now(UTC) - LASTS
    conn.execute("update credits.settings set history_starts_at = %s", (begins,))
    _live(database, rng, begins)
    conn.execute("analyze")

    assert conn.execute("select count(*) from credits.generations").fetchall() == [(GENERATIONS,)]
    conn.execute(FACTS)
    differing = {name: _differing(conn, *queries) for name, queries in SAME.items()}

    assert {name: rows for name, rows in differing.items() if rows} == {}


def _live(database: Database, rng: random.Random, begins: datetime) -> None:
    def session(number: int) -> None:
        statement = LIVE.format(
            seed=rng.uniform(-1, 1),
            session=number,
            steps=GENERATIONS // SESSIONS,
            begins=f"timestamptz '{begins.isoformat()}'",
            lasts=f"interval '{LASTS.days} days'",
        )
        database.connect().execute(statement.encode())

    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(session, range(SESSIONS)))


def _differing(conn: psycopg.Connection[Any], view: str, base: str) -> list[Any]:
    """A few of the rows that only one of the two has; none of no rows at all."""
    cursor = conn.cursor(row_factory=tuple_row)
    assert cursor.execute(f"{view} limit 1").fetchall(), view
    return cursor.execute(
        f"(select 'view', v.* from (({view}) except all ({base})) as v limit 3)"
        f" union all (select 'base', b.* from (({base}) except all ({view})) as b limit 3)"
    ).fetchall()
