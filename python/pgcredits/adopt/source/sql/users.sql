-- The users of a table.

select {user_id} as user_id
from {table} as t
where {user_id} is not null
