-- Bring tasks of an older system over: each becomes a generation.
--
-- What was settled there has no charge here. A task that is in flight, or that failed and was not
-- given back in full, gets one, paid by a lot of its own: its user's balance stays as it is, and a
-- refund of it names a deduction. What is owed waits for a person: settle_owed_refunds pays it.
--
-- Errors: PT422 invalid_argument where a balance would pass its limit.

create or replace function credits_internal.import_tasks(
    p_tasks credits_internal.imported_task[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_tasks$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_judged constant credits_internal.imported_task[] := array(
        select credits_internal.judge_imported_task(t)
        from unnest(p_tasks) as t
        order by t.user_id, t.generation_id
    );
    v_tasks credits_internal.imported_task[];
    v_imported bigint;
begin
    -- Tasks of the provider come before users, as in attach_provider_task. Two tasks of an older
    -- system may name the same one: the first keeps it. One that a callback came for is nobody's.
    insert into credits.provider_tasks as p (
        provider,
        provider_task_id,
        user_id,
        generation_id,
        created_at
    )
    select distinct on (t.provider, t.provider_task_id)
        t.provider,
        t.provider_task_id,
        t.user_id,
        t.generation_id,
        v_now
    from unnest(v_judged) as t
    where
        t.provider_task_id is not null
        and not exists (
            select
            from credits.generations as g
            where
                g.user_id = t.user_id
                and g.generation_id = t.generation_id
        )
    order by
        t.provider,
        t.provider_task_id,
        t.user_id,
        t.generation_id
    on conflict (provider, provider_task_id) do update
    set
        user_id = excluded.user_id,
        generation_id = excluded.generation_id,
        created_at = excluded.created_at
    where p.user_id is null;

    -- Several users are locked: always in the order of their ids, so that nothing deadlocks.
    perform
    from credits.user_credits as u
    where
        u.user_id in (
            select t.user_id
            from unnest(p_tasks) as t
        )
    order by u.user_id
    for no key update;

    v_tasks := array(
        select t
        from unnest(v_judged) as t
        where
            not exists (
                select
                from credits.generations as g
                where
                    g.user_id = t.user_id
                    and g.generation_id = t.generation_id
            )
        order by t.user_id, t.generation_id
    );

    for v_i in 1..cardinality(v_tasks)
    loop
        if (v_tasks[v_i]).credits_to_charge > 0 then
            v_tasks[v_i].charge_transaction_id := credits_internal.charge_imported_task(
                v_tasks[v_i]
            );
        end if;
    end loop;

    insert into credits.generations (
        user_id,
        generation_id,
        charge_transaction_id,
        credits_charged,
        refund_due_credits,
        created_at,
        deadline_at,
        submitted_at,
        finished_at,
        refund_owed_since,
        owed_review,
        last_event_no,
        status,
        cost_usd,
        provider,
        generation_type,
        provider_task_id,
        error_type,
        error_message,
        metadata
    )
    select
        t.user_id,
        t.generation_id,
        t.charge_transaction_id,
        t.credits_to_charge,
        t.credits_owed,
        t.created_at,
        coalesce(t.finished_at, v_now + s.default_generation_timeout),
        case when t.status <> 'pending' then t.created_at end,
        t.finished_at,
        case when t.credits_owed > 0 then v_now end,
        t.credits_owed > 0,
        1,
        t.status,
        credits_internal.known_usd(t.cost_usd),
        t.provider,
        t.generation_type,
        p.provider_task_id,
        t.error_type,
        left(t.error_message, 1000),
        jsonb_build_object(
            'imported',
            jsonb_build_object(
                'table', t.source_table,
                'id', t.source_id,
                'credits_charged', t.credits_charged,
                'credits_refunded', t.credits_refunded
            )
        )
    from unnest(v_tasks) as t
    cross join credits.settings as s
    left join credits.provider_tasks as p
        on
            t.provider = p.provider
            and t.provider_task_id = p.provider_task_id
            and t.user_id = p.user_id
            and t.generation_id = p.generation_id;

    get diagnostics v_imported = row_count;

    insert into credits.generation_events (
        user_id,
        generation_id,
        event_no,
        event,
        status_before,
        applied,
        is_callback,
        created_at,
        credits,
        cost_usd,
        error_type,
        code,
        message,
        payload
    )
    select
        t.user_id,
        t.generation_id,
        1,
        case t.status
            when 'succeeded' then 'success'
            when 'failed' then 'failure'
            when 'cancelled' then 'cancel'
            when 'timed_out' then 'deadline'
            else 'started'
        end::credits.generation_event,
        case when t.finished_at is not null then 'processing'::credits.generation_status end,
        true,
        false,
        v_now,
        t.credits_to_charge,
        credits_internal.known_usd(t.cost_usd),
        t.error_type,
        'imported',
        left(t.error_message, 1000),
        '{}'
    from unnest(v_tasks) as t;

    return v_imported;
end
$import_tasks$;

comment on function credits_internal.import_tasks is
'Make generations of tasks of an older system; returns how many were new. Safe to repeat.';

revoke all on function credits_internal.import_tasks from public;
