-- Give refunded credits whose lot has expired fresh lots, so that a failure makes nobody lose them.
--
-- They live as long as they still had when they were taken, at least 24 hours, at most
-- settings.refund_grace. What would have rolled over of an allowance had it not been in use, and
-- so lived longer, comes back as that rollover.
--
-- However often credits are charged and refunded again, they do not outlive the renewable_until of
-- their first fresh lot: the grace period, or of an allowance the end of the month after its own
-- (24 hours on, where that is later). So cancelling every night hoards nothing.

create or replace function credits_internal.give_back_expired(
    p_user credits.user_credits,
    p_charge credits.credit_transactions,
    p_lot credits.credit_lots,
    p_transaction_id uuid,
    p_now timestamptz,
    p_at timestamptz,
    p_credits bigint,
    p_lots_before integer
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $give_back_expired$
declare
    v_at_least constant interval := interval '24 hours';
    v_grace interval;
    v_lives_until timestamptz;
    v_rolls_until timestamptz;
    v_renewable_until timestamptz := p_lot.renewable_until;
    v_rolls bigint := 0;
    v_fresh record;
    v_lot_id uuid;
    v_allocations jsonb := '[]'::jsonb;
begin
    -- Both in seconds: a day of 23 or 25 hours must not change them.
    select make_interval(secs => extract(epoch from s.refund_grace)::double precision)
    into strict v_grace
    from credits.settings as s;

    v_lives_until := p_now + greatest(
        v_at_least,
        least(
            v_grace,
            make_interval(
                secs => extract(epoch from p_lot.expires_at - p_charge.created_at)::double precision
            )
        )
    );

    if p_lot.source = 'allowance' then
        v_rolls_until := credits_internal.rollover_end(p_lot.expires_at);

        if v_rolls_until > v_lives_until then
            v_rolls := least(
                p_credits, credits_internal.rollover_left(p_user, p_lot.expires_at)
            );
        end if;
    end if;

    if v_renewable_until is null then
        v_renewable_until := case
            when p_lot.source in ('allowance', 'rollover')
                then greatest(p_now + v_at_least, v_rolls_until)
            else p_now + v_grace
        end;
    end if;

    for v_fresh in
        select f.*
        from (
            values
            (
                'rollover'::credits.credit_source,
                v_rolls,
                v_rolls_until,
                p_lot.lot_id
            ),
            (
                'refund',
                p_credits - v_rolls,
                least(v_lives_until, p_lot.renewable_until),
                case when p_lot.source = 'refund' then p_lot.origin_lot_id else p_lot.lot_id end
            )
        ) as f (source, credits, expires_at, origin_lot_id)
        where f.credits > 0
    loop
        -- Each fresh lot of a refund has a later id than the one before: so they are spent in the
        -- order in which they came back, not by chance.
        v_lot_id := credits_internal.uuid_v7(
            p_at
            + (p_lots_before + jsonb_array_length(v_allocations)) * interval '1 microsecond'
        );

        insert into credits.credit_lots (
            user_id,
            lot_id,
            granted,
            remaining,
            expires_at,
            created_at,
            grant_transaction_id,
            origin_lot_id,
            renewable_until,
            priority,
            source,
            unit_price_usd
        )
        values (
            p_lot.user_id,
            v_lot_id,
            v_fresh.credits,
            v_fresh.credits,
            v_fresh.expires_at,
            p_at,
            p_transaction_id,
            v_fresh.origin_lot_id,
            v_renewable_until,
            p_lot.priority,
            v_fresh.source,
            p_lot.unit_price_usd
        );

        v_allocations := v_allocations
            || credits_internal.allocation(v_lot_id, v_fresh.credits);
    end loop;

    return v_allocations;
end
$give_back_expired$;

comment on function credits_internal.give_back_expired is
'Make the fresh lots for refunded credits whose own lot has expired, with its price and priority, '
'and return the allocations: as rollover what an allowance would have rolled over, the rest as a '
'refund lot. p_lots_before: how many lots the refund has reached before.';

revoke all on function credits_internal.give_back_expired from public;
