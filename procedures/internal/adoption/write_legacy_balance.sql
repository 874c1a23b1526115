-- Turn a balance that an application wrote into a charge, a refund or a grant of the difference.
--
-- A user who has a plan here gets monthly credits by it: what a write says of them beside a new
-- time of the last reset, or a new plan, moves nothing.
--
-- Errors: PT422 invalid_argument where a balance is null, or rises too high and is no refund; PT403
-- account_frozen, PT402 insufficient_credits.

create or replace function credits_internal.write_legacy_balance(
    p_user_id uuid,
    p_written_as text,
    p_buckets credits_internal.legacy_bucket[],
    p_max_rise bigint,
    p_refund_within interval,
    p_is_reset boolean default false,
    p_is_new_plan boolean default false
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $write_legacy_balance$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_key constant text := 'legacy-write:' || gen_random_uuid();
    v_metadata constant jsonb := credits_internal.legacy_write_metadata(p_written_as);
    v_user credits.user_credits;
    v_follows_plan boolean;
    v_renewed integer;
    v_charge record;
    v_done credits.transaction_result;
    v_move record;
    v_rise bigint := 0;
begin
    if exists (
        select
        from credits_internal.legacy_moves(p_buckets) as m
        where m.own_after is null
    ) then
        perform credits_internal.refuse_argument(
            'balance', null, 'is null', 'Write a number of credits.'
        );
    end if;

    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_user := credits_internal.expire_due_lots(p_user => v_user, p_now => v_now);
    v_follows_plan := v_user.plan is not null and (p_is_reset or p_is_new_plan);

    if v_follows_plan then
        if v_user.next_allowance_at <= v_now then
            perform credits_internal.grant_allowance(v_user, v_now);
        end if;
    elsif p_is_reset then
        v_renewed := credits_internal.renew_legacy_credits(
            v_user, p_written_as, p_buckets, p_max_rise, v_key || ':reset', v_metadata
        );
    end if;

    select
        -sum(m.credits)::bigint as credits,
        -- One kind of lots pays where only columns that show it were lowered.
        case
            when count(m.is_expiring) = count(*) and every(m.is_expiring) = bool_or(m.is_expiring)
                then bool_or(m.is_expiring)
        end as is_expiring
    into v_charge
    from credits_internal.legacy_moves(p_buckets) as m
    where
        m.credits < 0
        and m.place is distinct from v_renewed
        and not v_follows_plan;

    if v_charge.credits > 0 then
        perform credits_internal.require_credits(v_charge.credits);
        v_done := credits_internal.lock_and_deduct(
            p_user_id => p_user_id,
            p_credits => v_charge.credits,
            p_reason => left('written to ' || p_written_as, 1000),
            p_idempotency_key => v_key || ':charge',
            p_cost_usd => null,
            p_metadata => v_metadata,
            p_generation_id => null,
            p_is_expiring => v_charge.is_expiring
        );
        -- A task that the application writes itself may have waited for this charge.
        perform credits_internal.pay_waiting_task(p_user_id, v_done.transaction_id);
    end if;

    for v_move in
        select m.*
        from credits_internal.legacy_moves(p_buckets) as m
        where
            m.credits > 0
            and m.place is distinct from v_renewed
            and not (v_follows_plan and m.is_monthly)
        order by m.place
    loop
        continue when credits_internal.refund_unreferenced(
            p_user_id => p_user_id,
            p_credits => v_move.credits,
            p_reason => left('written to ' || p_written_as, 1000),
            p_since => v_now - p_refund_within,
            p_only_lasting => not coalesce(v_move.is_expiring, true),
            p_is_refund => false
        ) > 0;

        v_rise := v_rise + v_move.credits;
        perform credits_internal.require_legacy_rise(v_rise, p_max_rise);
        perform credits_internal.grant_legacy_rise(
            p_user_id => p_user_id,
            p_credits => v_move.credits,
            p_expires_at => v_move.expires_at,
            p_priority => v_move.priority,
            p_unit_price_usd => v_move.unit_price_usd,
            p_written_as => p_written_as,
            p_idempotency_key => v_key || ':grant:' || v_move.place,
            p_metadata => v_metadata
        );
    end loop;
end
$write_legacy_balance$;

comment on function credits_internal.write_legacy_balance is
'Move a user''s credits as a write to columns of an older system says. What falls is a charge. '
'What rises is the refund of the newest charge of that amount within p_refund_within of which '
'nothing came back, else a grant of at most p_max_rise credits. p_is_reset, p_is_new_plan: the '
'write has a new time of the last reset, or a new plan.';

revoke all on function credits_internal.write_legacy_balance from public;
