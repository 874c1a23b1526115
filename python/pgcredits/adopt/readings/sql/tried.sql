-- Every reading of the balances beside every reading of the history, in one look at each: how many
-- users have the same by both.

with moved as (
    select
        m.user_id,
        {moved}  -- noqa: AL03
    from ({moves}) as m
    where m.user_id is not null
    group by m.user_id
),

held as (
    select
        b.user_id,
        {held}  -- noqa: AL03
    from ({columns}) as b
    where b.user_id is not null
    group by b.user_id
),

compared as (
    select
        {all_columns},  -- noqa: RF02
        m.user_id is not null as has_history
    from moved as m
    full join held as h on m.user_id = h.user_id
)

select {counts}
from compared as c
where
    c.has_history
    or {holds}
