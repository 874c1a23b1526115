-- Copy the rows of a history that were written since its copy began, in batches.

select
    credits_internal.import_history(array_agg({row})) as imported,
    count(*) as rows
from (
    select
        h.*,
        (row_number() over () - 1) / {limit} as batch
    from ({history}) as h
    where age(h.written_by) <= age({since}::xid8::xid)
) as h
group by h.batch
