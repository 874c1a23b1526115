-- Give every user of an old table an account: the view shows no others.

insert into credits.user_credits (user_id, low_balance_threshold, created_at, updated_at)
select
    {user_id} as user_id,
    s.default_low_balance_threshold,
    now() as created_at,
    now() as updated_at
from {table} as t
cross join credits.settings as s
where t.{user} is not null
on conflict (user_id) do nothing
