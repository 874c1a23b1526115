-- Mirror the tasks of a table that is open, where a generation is missing or in flight.

select count(credits_internal.mirror_task(k.task, make_interval(days => {stuck_after})))
from (
    select
        row(
            {user_id}, t.source_table, t.source_id, t.generation_id, t.provider,
            t.generation_type, t.task_ids[1], t.status, t.credits_charged, 0, t.created_at,
            t.finished_at, t.cost_usd, t.error_type, t.error_message, null, null, null
        )::credits_internal.imported_task as task
    from ({tasks}) as t
    left join credits.generations as g
        on
            g.user_id = {user_id}
            and t.generation_id = g.generation_id
    where
        t.status is not null
        and (
            g.user_id is null
            or g.finished_at is null
        )
    -- Several users are locked: always in the order of their ids, so that nothing deadlocks.
    order by
        {user_id},
        t.generation_id
    offset 0
) as k
