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
    v_charge record;
    v_is_mirrored boolean := false;
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
        and p_task_id in (
            g.generation_id::text,
            g.provider_task_id,
            -- A key that is no uuid is not the generation's id.
            g.metadata #>> '{imported,id}',
            g.metadata #>> '{mirrored,id}'
        )
    -- Tables that number their tasks each for itself have the same id twice: the price tells.
    order by
        g.generation_id::text = p_task_id desc,
        g.credits_charged = p_credits desc,
        g.created_at desc
    limit 1;

    if v_generation.metadata ? 'mirrored' then
        v_is_mirrored := true;

        -- The application may have charged since the task was last written.
        if credits_internal.find_charge_of_task(p_user_id, v_generation.generation_id) then
            v_generation := credits_internal.lock_generation(
                p_user_id, v_generation.generation_id
            );
        end if;
    end if;

    if v_generation.generation_id is not null and v_generation.finished_at is null then
        perform credits_internal.note_asked_back(p_user_id, v_generation.generation_id);
        v_ended := credits.fail_generation(
            p_user_id => p_user_id,
            p_generation_id => v_generation.generation_id,
            p_error_type => 'unknown',
            p_error_message => p_reason
        );

        perform credits_internal.alert_on_task(p_user_id, v_generation.generation_id);

        return v_ended.credits_refunded;
    end if;

    -- The task's status has paid: this call is the same refund.
    if v_generation.generation_id is not null
        and credits_internal.note_asked_back(p_user_id, v_generation.generation_id)
    then
        return least(p_credits, v_generation.credits_charged);
    end if;

    select
        t.transaction_id,
        m.generation_id,
        -t.credits as credits,
        -- The refund of a task in flight that was asked for before comes with its status.
        case
            when m.user_id is null or g.finished_at is not null
                then -t.credits - coalesce(r.refunded, 0)
            else 0
        end as credits_left,
        m.asked_back_at is null
        and m.user_id is not null
        and (g.finished_at is null or r.refunded > 0) as is_by_status
    into v_charge
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    left join credits.mirrored_tasks as m
        on
            t.user_id = m.user_id
            and t.transaction_id = m.charge_transaction_id
    left join credits.generations as g
        on
            m.user_id = g.user_id
            and m.generation_id = g.generation_id
    where
        t.user_id = p_user_id
        and t.transaction_type = 'deduction'
        and (
            t.transaction_id = v_generation.charge_transaction_id
            or (
                (v_generation.generation_id is null or v_is_mirrored)
                and t.generation_id is null
                and p_task_id in (
                    t.metadata ->> 'legacy_reference',
                    t.idempotency_key,
                    -- As the old function that charged has told it.
                    t.transaction_id::text
                )
            )
        )
    order by
        is_by_status desc,
        credits_left desc,
        t.seq desc
    limit 1;

    -- p_task_id names nothing that is known here. A refund that was paid under it before is not
    -- paid again.
    if v_generation.generation_id is null and v_charge.transaction_id is null then
        if exists (
            select
            from credits.credit_transactions as t
            where
                t.user_id = p_user_id
                and t.idempotency_key = credits_internal.legacy_refund_key(p_task_id)
        )
        or exists (
            select
            from credits.mirrored_tasks as m
            where
                m.user_id = p_user_id
                and m.asked_back_as = credits_internal.legacy_refund_key(p_task_id)
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

    -- What it names is what the task belongs to, and the task's status pays, or has paid.
    if v_charge.is_by_status
        and credits_internal.note_asked_back(p_user_id, v_charge.generation_id)
    then
        return least(p_credits, v_charge.credits);
    end if;

    -- Nothing is left to refund: this call is a repeat, or the older system settled the task.
    if coalesce(v_charge.credits_left, 0) = 0 then
        return 0;
    end if;

    v_refund := credits.refund_user_credits(
        p_user_id => p_user_id,
        p_transaction_id => v_charge.transaction_id,
        p_credits => least(p_credits, v_charge.credits_left),
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
