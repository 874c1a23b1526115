-- With how many decimals the numbers of a column are written, 0 where all are whole, and the whole
-- part of the largest.

select
    case
        when bool_or(t.{column}::numeric <> trunc(t.{column}::numeric))
            then max(scale(t.{column}::numeric))
        else 0
    end as decimals,
    coalesce(max(trunc(abs(t.{column}::numeric))), 0) as largest
from {table} as t
where abs(t.{column}) < 'Infinity'
