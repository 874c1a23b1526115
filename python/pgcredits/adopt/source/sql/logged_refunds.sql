-- The refunds of a log.

select
    {name} as source_table,
    {user_id} as user_id,
    {task} as reference,
    abs({credits}) as credits,
    true as came
from {table} as t
where {credits} <> 0
