-- The old tasks, and how many of them are generations.

select
    count(*) as before,
    count(g.user_id) as after
from ({tasks}) as t
left join credits.generations as g
    on
        {user_id} = g.user_id
        and t.generation_id = g.generation_id
