-- Keep the old tasks that are no generations yet: those in flight first, then what is owed.

create temporary table old_tasks as
select
    t.*,
    row_number() over (
        order by
            t.finished_at is not null,
            t.credits_charged <= t.credits_refunded or t.status = 'succeeded',
            t.user_id,
            t.source_table,
            t.source_id
    ) as n
from (
    select
        o.*,
        {user_id} as pgcredits_user_id
    from ({tasks}) as o
    -- offset 0: the id is worked out once for each task.
    offset 0
) as t
where
    -- Of a table that stays open, what is written after all tasks came over is charged here.
    not exists (
        select
        from credits.imported_tables as d
        where
            d.source_table = t.source_table
            and d.source_table = any({open_tables}::text[])
            and d.role = 'tasks'
            and d.copied_at is not null
    )
    and not exists (
        select
        from credits.generations as g
        where
            g.user_id = t.pgcredits_user_id
            and g.generation_id = t.generation_id
    )
