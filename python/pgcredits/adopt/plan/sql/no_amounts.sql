-- Values of a column that are not amounts of credits: NaN, infinity, or more than anybody has.

select
    count(*) as rows,
    min(t.{column}::text) as example
from {table} as t
where not t.{column} between -{largest} and {largest}
