-- Find the deduction that paid for a task of an older application.
--
-- The application charges first, or later, by a call that may name the task. Where it does not, the
-- user's newest deduction of the task's price since an hour before the task began counts that pays
-- for nothing else; last of all one that names something else, which may be what the task belongs
-- to. The caller holds the user's lock.

create or replace function credits_internal.find_charge_of_task(
    p_user_id uuid,
    p_generation_id uuid,
    p_is_over boolean default false
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $find_charge_of_task$
declare
    v_task record;
    v_since uuid;
    v_charge_id uuid;
begin
    select
        m.credits,
        g.created_at,
        g.finished_at,
        array[m.source_id, m.generation_id::text, g.provider_task_id] as names
    into v_task
    from credits.mirrored_tasks as m
    inner join credits.generations as g
        on
            m.user_id = g.user_id
            and m.generation_id = g.generation_id
    where
        m.user_id = p_user_id
        and m.generation_id = p_generation_id
        and m.charge_transaction_id is null
        and m.credits > 0;

    if not found then
        return false;
    end if;

    -- Ids sort by time: a long ledger is not read.
    v_since := credits_internal.uuid_v7(v_task.created_at - interval '1 day');

    select t.transaction_id
    into v_charge_id
    from credits.credit_transactions as t
    left join credits.refund_totals as r
        on
            t.user_id = r.user_id
            and t.transaction_id = r.transaction_id
    cross join lateral (
        select coalesce(
            t.metadata ->> 'legacy_reference' = any (v_task.names)
            or t.idempotency_key = any (v_task.names),
            false
        ) as is_named
    ) as n
    where
        t.user_id = p_user_id
        and t.transaction_id >= v_since
        and t.transaction_type = 'deduction'
        and t.generation_id is null
        -- What came back while the task is in flight was not for this task.
        and (p_is_over or v_task.finished_at is not null or r.refunded is null)
        and (
            n.is_named
            or (
                t.credits = -v_task.credits
                and t.created_at >= v_task.created_at - interval '1 hour'
            )
        )
        and not exists (
            select
            from credits.mirrored_tasks as m
            where
                m.user_id = t.user_id
                and m.charge_transaction_id = t.transaction_id
        )
    order by
        n.is_named desc,
        t.metadata ->> 'legacy_reference' is null desc,
        t.seq desc
    limit 1;

    if v_charge_id is null then
        return false;
    end if;

    perform credits_internal.charge_mirrored_task(p_user_id, p_generation_id, v_charge_id);

    return true;
end
$find_charge_of_task$;

comment on function credits_internal.find_charge_of_task is
'Note the deduction that paid for a task of an older application; false where none is found, or '
'none is looked for. p_is_over: whether the task says that it has ended.';

revoke all on function credits_internal.find_charge_of_task from public;
