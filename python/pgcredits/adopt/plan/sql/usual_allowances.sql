-- What most users of each tier are given.

select
    {tier}::text as tier,
    mode() within group (order by {allowance}) as allowance
from {table} as t
where
    {tier} is not null
    and {allowance} is not null
group by 1
order by 1
