-- When the old system gives the next monthly credits: a whole number of months after the last time.
-- In a short month the first of these may still be past. m.months is what months_since.sql finds.

select min(n.at)
from (
    values
    ({reset} + make_interval(months => m.months + 1)),  -- noqa: RF01
    ({reset} + make_interval(months => m.months + 2))  -- noqa: RF01
) as n (at)
where n.at > now()
