-- A generation as every public function shows it.

create or replace function credits_internal.generation_result(
    p_user_id uuid,
    p_generation_id uuid,
    p_applied boolean,
    p_replayed boolean
)
returns credits.generation_result
language plpgsql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $generation_result$
declare
    v_state record;
begin
    select
        g.status,
        g.credits_charged,
        coalesce(r.refunded, 0) as refunded,
        u.balance,
        u.next_due_at
    into v_state
    from credits.generations as g
    inner join credits.user_credits as u on g.user_id = u.user_id
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        g.user_id = p_user_id
        and g.generation_id = p_generation_id;

    if not found then
        perform credits_internal.refuse_generation(p_generation_id);
    end if;

    return row(
        p_generation_id,
        p_user_id,
        v_state.status,
        v_state.credits_charged,
        v_state.refunded,
        v_state.status in ('failed', 'cancelled', 'timed_out') and v_state.refunded > 0,
        case
            when v_state.next_due_at <= credits_internal.clock()
                then credits_internal.spendable_credits(p_user_id)
            else v_state.balance
        end,
        p_applied,
        p_replayed
    )::credits.generation_result;
end
$generation_result$;

comment on function credits_internal.generation_result is
'The generation, what came back of its price, and the spendable balance, as of now; refuses with '
'PT404 where there is none.';

revoke all on function credits_internal.generation_result from public;
