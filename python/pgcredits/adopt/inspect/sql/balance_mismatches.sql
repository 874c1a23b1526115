-- Users whose balance differs from every balance that their history may lead to.

with moved as ({moves}),

held as (
    select
        b.user_id,
        sum(b.found) as credits
    from ({balances}) as b
    where b.user_id is not null
    group by b.user_id
),

compared as (
    select
        coalesce(h.credits, 0) as held,
        coalesce(m.credits, '{{0}}') as moved
    from moved as m
    full join held as h on m.user_id = h.user_id
)

select
    count(*) as users,
    coalesce(
        sum((select min(abs(c.held - coalesce(m.credits, 0))) from unnest(c.moved) as m (credits))),
        0
    )::bigint as credits
from compared as c
where (c.held = any(c.moved)) is not true
