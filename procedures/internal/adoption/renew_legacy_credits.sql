-- Replace what is left of a month's credits by those of the next month, for a user without a plan
-- whose application resets balances itself: what it gives must not expire with the old ones.
--
-- The caller holds the user's lock and has written the due expiries.
--
-- Errors: PT422 invalid_argument where the balance rises too high.

create or replace function credits_internal.renew_legacy_credits(
    p_user credits.user_credits,
    p_written_as text,
    p_buckets credits_internal.legacy_bucket[],
    p_max_rise bigint,
    p_idempotency_key text,
    p_metadata jsonb
)
returns integer
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $renew_legacy_credits$
declare
    v_left constant bigint := coalesce(
        (
            select sum(b.remaining)
            from credits_internal.lots_in_burn_order(p_user.user_id) as b
            where b.expires_at is not null
        ),
        0
    );
    v_reason constant text := left('reset in ' || p_written_as, 1000);
    v_user credits.user_credits := p_user;
    v_monthly record;
    v_at timestamptz;
begin
    select
        m.place,
        m.expires_at,
        m.priority,
        m.unit_price_usd,
        -- A column may show credits that never expire, too: these stay.
        m.own_after - greatest(0, m.own_before - v_left) as credits
    into v_monthly
    from credits_internal.legacy_moves(p_buckets) as m
    where m.is_monthly
    order by m.place
    limit 1;

    if coalesce(v_monthly.credits, -1) < 0 then
        return null;
    end if;

    perform credits_internal.require_legacy_rise(v_monthly.credits - v_left, p_max_rise);

    if v_left > 0 then
        v_at := credits_internal.next_entry_at(credits_internal.clock(), v_user.last_entry_at);
        v_user := credits_internal.write_entry(
            p_user => v_user,
            p_transaction_id => credits_internal.uuid_v7(v_at),
            p_at => v_at,
            p_transaction_type => 'expiry',
            p_allocations => credits_internal.take_credits(
                p_user_id => p_user.user_id,
                p_credits => v_left,
                p_is_expiring => true
            ),
            p_credits => -v_left,
            p_reason => v_reason,
            p_metadata => p_metadata,
            p_more_follows => v_monthly.credits > 0
        );
    end if;

    if v_monthly.credits > 0 then
        v_at := credits_internal.next_entry_at(credits_internal.clock(), v_user.last_entry_at);
        perform credits_internal.add_lot(
            p_user => v_user,
            p_transaction_id => credits_internal.uuid_v7(v_at),
            p_at => v_at,
            p_credits => v_monthly.credits,
            p_requested_credits => v_monthly.credits,
            p_source => 'adjustment',
            p_expires_at => v_monthly.expires_at,
            p_priority => v_monthly.priority,
            p_unit_price_usd => v_monthly.unit_price_usd,
            p_reason => v_reason,
            p_idempotency_key => p_idempotency_key,
            p_metadata => p_metadata
        );
    end if;

    return v_monthly.place;
end
$renew_legacy_credits$;

comment on function credits_internal.renew_legacy_credits is
'Let all that expires of a locked user''s credits expire now, and grant what the application wrote '
'for the next month; returns the place of the column that said so, null where there is none.';

revoke all on function credits_internal.renew_legacy_credits from public;
