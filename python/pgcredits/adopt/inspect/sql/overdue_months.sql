-- Monthly credits that should have been replaced by now.

select
    count(*) as overdue,
    coalesce(sum({held}), 0)::bigint as credits
from {table} as t
where
    {reset} < now() - interval '1 month'
    and {held} > 0
