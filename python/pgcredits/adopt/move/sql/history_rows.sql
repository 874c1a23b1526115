-- How many rows an old history has, and how many were copied.

select
    (select count(*) from {table}) as before,
    (
        select count(*) from credits.imported_history as h
        where h.source_table = {name}
    ) as after
