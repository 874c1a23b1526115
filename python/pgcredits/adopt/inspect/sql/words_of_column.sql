-- The words in a column, the most frequent first, and how often the amount beside is below 0. Where
-- no column is named all rows count together.

select
    coalesce({column}::text, '') as word,
    count(*) as rows,
    count(*) filter (where {amount}::numeric < 0) as negative
from {table} as t
group by 1
order by 2 desc, 1
limit {most}
