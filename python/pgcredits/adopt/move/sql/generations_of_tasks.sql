-- The old tasks, and how many of them are generations.

select
    count(*) as before,
    count(coalesce(g.user_id, m.user_id)) as after
from ({tasks}) as t
left join credits.generations as g
    on
        {user_id} = g.user_id
        and t.generation_id = g.generation_id
-- The generation of a task that stays open is that of the user whom it named first.
left join lateral (
    select (array_agg(k.user_id))[1] as user_id
    from credits.mirrored_tasks as k
    where
        g.user_id is null
        and k.source_table = t.source_table
        and k.source_id = t.source_id
) as m on true
