-- The first of the users' ids that pgcredits does not take, why, and how many there are.

select
    f.user_id,
    f.fault,
    count(*) over () as ids
from (
    select
        o.user_id,
        credits_internal.external_id_fault(o.user_id) as fault
    from ({all_users}) as o
    -- offset 0: what is wrong is worked out once for each.
    offset 0
) as f
where f.fault is not null
order by f.user_id
limit 1
