-- Remember the ids that an older system has for its users, except those who were redacted since.

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
    -- offset 0: the id is worked out once for each user.
    offset 0
) as u
where
    not exists (
        select
        from credits.imported_history as h
        where
            h.user_id = u.user_id
            and h.redacted_at is not null
    )
    and not exists (
        select
        from credits.credit_transactions as t
        where
            t.user_id = u.user_id
            and t.redacted_at is not null
    )
order by u.user_id, u.external_id
on conflict (user_id) do nothing
