-- Write what time has done to a user's lots: one expiry for all that are due, and the rollover that
-- an expired allowance brings.

create or replace function credits_internal.expire_due_lots(
    p_user credits.user_credits,
    p_now timestamptz,
    p_more_follows boolean default false
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $expire_due_lots$
declare
    v_at constant timestamptz := credits_internal.next_entry_at(p_now, p_user.last_entry_at);
    v_user credits.user_credits := p_user;
    v_allocations jsonb;
    v_credits bigint;
begin
    if v_user.next_due_at is null or v_user.next_due_at > p_now then
        return v_user;
    end if;

    with due as materialized (
        select
            l.lot_id,
            l.remaining,
            l.expires_at
        from credits.credit_lots as l
        where
            l.user_id = p_user.user_id
            and not l.depleted
            and l.expires_at <= p_now
    ),
    emptied as (
        update credits.credit_lots as l
        set remaining = 0
        from due as d
        where
            l.user_id = p_user.user_id
            and l.lot_id = d.lot_id
    )
    select
        jsonb_agg(
            credits_internal.allocation(d.lot_id, -d.remaining)
            order by d.expires_at, d.lot_id
        ),
        -sum(d.remaining)::bigint
    into v_allocations, v_credits
    from due as d;

    -- An allowance alone is due.
    if v_credits is null then
        return v_user;
    end if;

    v_user := credits_internal.write_entry(
        p_user => v_user,
        p_transaction_id => credits_internal.uuid_v7(v_at),
        p_at => v_at,
        p_transaction_type => 'expiry',
        p_allocations => v_allocations,
        p_credits => v_credits,
        p_more_follows => p_more_follows
    );

    -- A plan that has been ended since counts for a month that it was held in.
    if coalesce(v_user.plan, v_user.earlier_plan) is not null then
        v_user := credits_internal.roll_over_allowances(
            p_user => v_user,
            p_now => p_now,
            p_expired => v_allocations,
            p_more_follows => p_more_follows
        );
    end if;

    return v_user;
end
$expire_due_lots$;

comment on function credits_internal.expire_due_lots is
'Write the due expiries of a locked user and the rollover they bring, and return the user''s row '
'as it is then. Every call that moves credits does this first. p_more_follows: as write_entry.';

revoke all on function credits_internal.expire_due_lots from public;
