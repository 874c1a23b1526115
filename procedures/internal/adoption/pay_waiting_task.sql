-- Find the task of an older application that a deduction pays for, where the application writes the
-- task first and charges later.
--
-- Where the deduction names no task, one in flight of its price counts, the newest of the last
-- hour: a task that has failed may have failed since nothing was charged.

create or replace function credits_internal.pay_waiting_task(
    p_user_id uuid,
    p_transaction_id uuid
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $pay_waiting_task$
declare
    v_generation_id uuid;
begin
    perform credits_internal.lock_user(p_user_id);

    select m.generation_id
    into v_generation_id
    from credits.mirrored_tasks as m
    inner join credits.generations as g
        on
            m.user_id = g.user_id
            and m.generation_id = g.generation_id
    inner join credits.credit_transactions as t on m.user_id = t.user_id
    cross join lateral (
        select coalesce(
            array[t.metadata ->> 'legacy_reference', t.idempotency_key]
            && array[m.source_id, m.generation_id::text, g.provider_task_id],
            false
        ) as is_named
    ) as n
    where
        m.user_id = p_user_id
        and t.transaction_id = p_transaction_id
        and m.charge_transaction_id is null
        and m.credits > 0
        and (
            n.is_named
            or (
                t.credits = -m.credits
                and g.finished_at is null
                and m.mirrored_at >= t.created_at - interval '1 hour'
            )
        )
        and not exists (
            select
            from credits.mirrored_tasks as o
            where
                o.user_id = p_user_id
                and o.charge_transaction_id = p_transaction_id
        )
    order by
        n.is_named desc,
        m.mirrored_at desc
    limit 1;

    if found then
        perform credits_internal.charge_mirrored_task(
            p_user_id, v_generation_id, p_transaction_id
        );
    end if;
end
$pay_waiting_task$;

comment on function credits_internal.pay_waiting_task is
'Note which task of an older application a deduction pays for, where the task was there first.';

revoke all on function credits_internal.pay_waiting_task from public;
