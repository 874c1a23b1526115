-- A table, its partitions and its children: each can also be written by its own name.

with recursive family as (
    select to_regclass(%(table)s)::oid as oid

    union

    select i.inhrelid
    from pg_inherits as i
    inner join family as f on i.inhparent = f.oid
)

select
    c.oid,
    n.nspname as schema,
    c.relname as name,
    c.relispartition as is_partition
from family as f
inner join pg_class as c on f.oid = c.oid
inner join pg_namespace as n on c.relnamespace = n.oid
