-- Put refunded credits into the lots that they were taken from; where a lot has expired meanwhile,
-- into fresh ones.

create or replace function credits_internal.give_back(
    p_user credits.user_credits,
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
            l.lot_id,
            l.expires_at,
            l as lot
        from stretches as s
        inner join credits.credit_lots as l on s.lot_id = l.lot_id
        where
            l.user_id = p_charge.user_id
            and s.credits > 0
        order by s.position desc
    loop
        if v_leg.expires_at <= p_now then
            v_allocations := v_allocations || credits_internal.give_back_expired(
                p_user => p_user,
                p_charge => p_charge,
                p_lot => v_leg.lot,
                p_transaction_id => p_transaction_id,
                p_now => p_now,
                p_at => p_at,
                p_credits => v_leg.credits,
                p_lots_before => jsonb_array_length(v_allocations)
            );
        else
            update credits.credit_lots as l
            set remaining = l.remaining + v_leg.credits
            where
                l.user_id = p_charge.user_id
                and l.lot_id = v_leg.lot_id;

            v_allocations := v_allocations
                || credits_internal.allocation(v_leg.lot_id, v_leg.credits);
        end if;
    end loop;

    return v_allocations;
end
$give_back$;

comment on function credits_internal.give_back is
'Return so many credits of a deduction to its lots in reverse order, and return the allocations. '
'What expired lots would have got comes in fresh ones with the same price and priority.';

revoke all on function credits_internal.give_back from public;
