-- Put refunded credits into the lots that they were taken from; where a lot has expired meanwhile,
-- into a fresh one that lives as long as the credits still had.

create or replace function credits_internal.give_back(
    p_charge credits.credit_transactions,
    p_transaction_id uuid,
    p_now timestamptz,
    p_at timestamptz,
    p_credits bigint,
    p_refunded bigint
)
returns jsonb
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $give_back$
declare
    v_leg record;
    v_lot_id uuid;
    v_allocations jsonb := '[]'::jsonb;
begin
    -- The usual case: one lot paid, and has not expired.
    if jsonb_array_length(p_charge.allocations) = 1 then
        v_lot_id := p_charge.allocations #>> '{0,lot_id}';

        update credits.credit_lots as l
        set remaining = l.remaining + p_credits
        where
            l.user_id = p_charge.user_id
            and l.lot_id = v_lot_id
            and (l.expires_at is null or l.expires_at > p_now);

        if found then
            return jsonb_build_array(credits_internal.allocation(v_lot_id, p_credits));
        end if;
    end if;

    -- Earlier refunds have used up the end of the charge's legs: laid end to end from the last to
    -- the first, this refund is the stretch that follows them.
    for v_leg in
        with legs as (
            select
                a.position,
                a.lot_id,
                -a.credits as taken,
                sum(-a.credits) over (order by a.position desc) as upto
            from rows from (
                jsonb_to_recordset(p_charge.allocations) as (lot_id uuid, credits bigint)
            ) with ordinality as a (lot_id, credits, position)
        ),
        stretches as (
            select
                g.position,
                g.lot_id,
                (
                    least(g.upto, p_refunded + p_credits)
                    - greatest(g.upto - g.taken, p_refunded)
                )::bigint as credits
            from legs as g
        )
        select
            s.credits,
            l.*
        from stretches as s
        inner join credits.credit_lots as l on s.lot_id = l.lot_id
        where
            l.user_id = p_charge.user_id
            and s.credits > 0
        order by s.position desc
    loop
        v_lot_id := v_leg.lot_id;

        if v_leg.expires_at <= p_now then
            -- Each fresh lot of a refund has a later id than the one before: so they are spent in
            -- the order in which they came back, not by chance.
            v_lot_id := credits_internal.uuid_v7(
                p_at + jsonb_array_length(v_allocations) * interval '1 microsecond'
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
            select
                p_charge.user_id,
                v_lot_id,
                v_leg.credits,
                v_leg.credits,
                -- The credits live as long as they still had when they were taken, at least an
                -- hour, at most the grace period. However often they are charged and refunded
                -- again, they do not outlive the grace period of their first fresh lot.
                least(
                    p_now + greatest(
                        least(
                            make_interval(secs => extract(
                                epoch from v_leg.expires_at - p_charge.created_at
                            )::double precision),
                            g.grace
                        ),
                        interval '1 hour'
                    ),
                    v_leg.renewable_until
                ),
                p_at,
                p_transaction_id,
                case when v_leg.source = 'refund' then v_leg.origin_lot_id else v_leg.lot_id end,
                coalesce(v_leg.renewable_until, p_now + g.grace),
                v_leg.priority,
                'refund',
                v_leg.unit_price_usd
            from (
                -- The grace period in seconds: a day of 23 or 25 hours must not change it.
                select make_interval(
                    secs => extract(epoch from s.refund_grace)::double precision
                ) as grace
                from credits.settings as s
            ) as g;
        else
            update credits.credit_lots as l
            set remaining = l.remaining + v_leg.credits
            where
                l.user_id = p_charge.user_id
                and l.lot_id = v_leg.lot_id;
        end if;

        v_allocations := v_allocations
            || credits_internal.allocation(v_lot_id, v_leg.credits);
    end loop;

    return v_allocations;
end
$give_back$;

comment on function credits_internal.give_back is
'Return so many credits of a deduction to its lots in reverse order, and return the allocations. '
'Expired lots get a fresh one with the same price, priority and origin.';

revoke all on function credits_internal.give_back from public;
