-- Whether in each row of a table one number lies between 0 and another, and there is a row.

select coalesce(bool_and(coalesce(t.{part} between 0 and t.{whole}, false)), false) as is_within
from {table} as t
