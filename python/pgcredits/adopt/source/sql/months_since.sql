-- How many whole months the last reset is past.

select
    greatest(
        0, extract(year from a.age) * 12 + extract(month from a.age)
    )::integer as months
from (select age(now(), {reset}) as age) as a
