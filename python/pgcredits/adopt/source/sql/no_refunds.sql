-- No rows, with the columns of the other queries of refunds.

select
    ''::text as source_table,
    null::{user_type} as user_id,
    null::text as reference,
    null::numeric as credits,
    null::boolean as came
where false
