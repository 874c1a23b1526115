-- Refund the generation, or the charge, that a call site of an older system knows by its task's id.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.refund_legacy_task(
    p_user_id uuid,
    p_task_id text,
    p_credits bigint,
    p_reason text default null
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $refund_legacy_task$
declare
    v_generation credits.generations;
    v_ended credits.generation_result;
    v_charge_id uuid;
    v_left bigint;
    v_refund credits.refund_result;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_credits(p_credits);
    perform credits_internal.lock_user(p_user_id);

    select g.*
    into v_generation
    from credits.generations as g
    where
        g.user_id = p_user_id
        and (g.generation_id::text = p_task_id or g.provider_task_id = p_task_id)
    order by g.generation_id::text = p_task_id desc, g.created_at desc
    limit 1;

    if found and v_generation.finished_at is null then
        v_ended := credits.fail_generation(
            p_user_id => p_user_id,
            p_generation_id => v_generation.generation_id,
            p_error_type => 'unknown',
            p_error_message => p_reason
        );

        return v_ended.credits_refunded;
    end if;

    select
        t.transaction_id,
        -t.credits - coalesce(r.refunded, 0)
    into
        v_charge_id,
        v_left
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    where
        t.user_id = p_user_id
        and t.transaction_type = 'deduction'
        and (
            t.transaction_id = v_generation.charge_transaction_id
            or (
                v_generation.generation_id is null
                and p_task_id in (t.metadata ->> 'legacy_reference', t.idempotency_key)
            )
        )
    order by -t.credits > coalesce(r.refunded, 0) desc, t.seq desc
    limit 1;

    -- p_task_id names nothing that is known here. A refund that was paid under it before is not
    -- paid again.
    if v_generation.generation_id is null and v_charge_id is null then
        if exists (
            select
            from credits.credit_transactions as t
            where
                t.user_id = p_user_id
                and t.idempotency_key = credits_internal.legacy_refund_key(p_task_id)
        ) then
            return 0;
        end if;

        return credits_internal.refund_unreferenced(
            p_user_id => p_user_id,
            p_credits => p_credits,
            p_reason => p_reason,
            p_reference => p_task_id
        );
    end if;

    -- Nothing is left to refund: this call is a repeat, or the older system settled the task.
    if coalesce(v_left, 0) = 0 then
        return 0;
    end if;

    v_refund := credits.refund_user_credits(
        p_user_id => p_user_id,
        p_transaction_id => v_charge_id,
        p_credits => least(p_credits, v_left),
        p_reason => left(p_reason, 1000)
    );

    return v_refund.credits_refunded;
end
$refund_legacy_task$;

comment on function credits_internal.refund_legacy_task is
'Refund up to so many credits of the generation with this id, or with this task at its provider, '
'or of the charge that named it, and return how many came back now: 0 where all had. A generation '
'in flight is set to failed. An unknown task is refunded as refund_unreferenced does, once.';

revoke all on function credits_internal.refund_legacy_task from public;
