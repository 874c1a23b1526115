-- How many users of each tier were promised how many credits a month, the most frequent first.

select
    {tier}::text as tier,
    trim_scale({allowance}::numeric) as allowance,
    count(*) as users
from {table} as t
where
    {tier} is not null
    and {allowance} is not null
group by 1, 2
order by 1, 3 desc, 2 desc
