-- What a column of an old row holds: it stayed behind.

(select t.{column} from {table} as t where t.{user}::text = {value}::text)
