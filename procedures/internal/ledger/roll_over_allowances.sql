-- Let unused allowance live on for one more month, up to the plan's maximum.

create or replace function credits_internal.roll_over_allowances(
    p_user credits.user_credits,
    p_now timestamptz,
    p_expired jsonb,
    p_more_follows boolean default false
)
returns credits.user_credits
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $roll_over_allowances$
declare
    v_user credits.user_credits := p_user;
    v_expired record;
    v_at timestamptz;
    v_credits bigint;
    v_rolls_until timestamptz;
begin
    for v_expired in
        select
            l.lot_id,
            l.priority,
            l.unit_price_usd,
            l.expires_at,
            -e.credits as unused
        from jsonb_to_recordset(p_expired) as e (lot_id uuid, credits bigint)
        inner join credits.credit_lots as l on e.lot_id = l.lot_id
        where
            l.user_id = p_user.user_id
            and l.source = 'allowance'
        order by l.expires_at, l.lot_id
    loop
        v_at := credits_internal.next_entry_at(p_now, v_user.last_entry_at);
        v_rolls_until := credits_internal.rollover_end(v_expired.expires_at);

        -- An upgrade makes a second allowance in the month: both together roll over no more than
        -- the plan's maximum.
        v_credits := least(
            v_expired.unused, credits_internal.rollover_left(v_user, v_expired.expires_at)
        );

        -- Where the expiry is written a month late or later, the rollover would have ended, too.
        if v_credits > 0 and v_rolls_until > p_now then
            v_user := credits_internal.add_lot(
                p_user => v_user,
                p_transaction_id => credits_internal.uuid_v7(v_at),
                p_at => v_at,
                p_credits => v_credits,
                p_source => 'rollover',
                p_expires_at => v_rolls_until,
                p_priority => v_expired.priority,
                p_unit_price_usd => v_expired.unit_price_usd,
                p_origin_lot_id => v_expired.lot_id,
                p_more_follows => p_more_follows
            );
        end if;
    end loop;

    return v_user;
end
$roll_over_allowances$;

comment on function credits_internal.roll_over_allowances is
'For each expired allowance write a rollover lot of what was unused, in all at most the plan''s '
'rollover_max_credits, until the end of the month that follows. p_more_follows: as write_entry.';

revoke all on function credits_internal.roll_over_allowances from public;
