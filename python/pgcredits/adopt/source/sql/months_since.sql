-- How many whole months ago the last reset was.

select
    greatest(
        0, extract(year from a.age) * 12 + extract(month from a.age)
    )::integer as months
from (select age(now(), {reset}) as age) as a
