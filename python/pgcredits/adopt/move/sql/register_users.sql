-- Remember the ids that an older system has for its users.

insert into credits.external_users (user_id, created_at, external_id)
select distinct on (u.user_id)
    u.user_id,
    clock_timestamp() as created_at,
    u.external_id
from (
    select
        {user_id} as user_id,
        o.user_id as external_id
    from ({all_users}) as o
    where length(o.user_id) between 1 and 200
) as u
order by u.user_id, u.external_id
on conflict (user_id) do nothing
