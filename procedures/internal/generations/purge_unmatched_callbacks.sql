-- Delete callbacks that came long ago and whose task nobody has attached, and the rows of such
-- tasks for which nothing waits any more.

create or replace function credits_internal.purge_unmatched_callbacks(
    p_limit integer,
    p_from timestamptz,
    p_before timestamptz
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $purge_unmatched_callbacks$
declare
    v_deleted bigint;
begin
    with old as (
        select
            c.provider,
            c.provider_task_id
        from credits.provider_callbacks as c
        inner join credits.provider_tasks as t
            on
                c.provider = t.provider
                and c.provider_task_id = t.provider_task_id
        where
            c.received_at >= p_from
            and c.received_at < p_before
            and t.user_id is null
        order by c.received_at
        limit p_limit
    ),

    -- Whoever is about to attach the task, or to add a callback, holds its row: it is left alone.
    tasks as (
        select
            t.provider,
            t.provider_task_id
        from credits.provider_tasks as t
        where
            (t.provider, t.provider_task_id) in (
                select
                    o.provider,
                    o.provider_task_id
                from old as o
            )
            and t.user_id is null
        for update skip locked
    ),

    deleted as (
        delete from credits.provider_callbacks as c
        using tasks as t
        where
            c.provider = t.provider
            and c.provider_task_id = t.provider_task_id
            and c.received_at < p_before
        returning
            c.provider,
            c.provider_task_id
    ),

    counted as (
        select
            d.provider,
            d.provider_task_id,
            count(*) as callbacks
        from deleted as d
        group by
            d.provider,
            d.provider_task_id
    ),

    lessened as (
        update credits.provider_tasks as t
        set waiting_callbacks = t.waiting_callbacks - c.callbacks
        from counted as c
        where
            t.provider = c.provider
            and t.provider_task_id = c.provider_task_id
            and t.waiting_callbacks > c.callbacks
    ),

    removed as (
        delete from credits.provider_tasks as t
        using counted as c
        where
            t.provider = c.provider
            and t.provider_task_id = c.provider_task_id
            and t.waiting_callbacks <= c.callbacks
    )

    select coalesce(sum(c.callbacks), 0)
    into v_deleted
    from counted as c;

    -- What was deleted is not read again, even while an old snapshot keeps it.
    update credits.purge_positions as p
    set purged_to = coalesce(
        (
            select c.received_at
            from credits.provider_callbacks as c
            inner join credits.provider_tasks as t
                on
                    c.provider = t.provider
                    and c.provider_task_id = t.provider_task_id
            where
                c.received_at >= p_from
                and c.received_at < p_before
                and t.user_id is null
            order by c.received_at
            limit 1
        ),
        p_before
    )
    where
        p.history = 'unmatched callbacks'
        and v_deleted > 0;

    return v_deleted;
end
$purge_unmatched_callbacks$;

comment on function credits_internal.purge_unmatched_callbacks is
'Delete callbacks of tasks that nobody has attached which came between these times, about p_limit '
'of them, note how far it has come, and return how many.';

revoke all on function credits_internal.purge_unmatched_callbacks from public;
