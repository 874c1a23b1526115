-- Copy the next batch of a history, in the order of its key.

with batch as materialized (
    select h.*
    from ({history}) as h
    {rest}
    order by h.source_key
    limit {limit}
)

select
    credits_internal.import_history(array_agg({row})) as imported,
    count(*) as rows,
    (array_agg(h.source_id order by h.source_key desc))[1] as last
from batch as h
