-- The rows of an old history, there and here.

select
    (select count(*) from {table}) as before,
    (
        select count(*) from credits.imported_history as h
        where h.source_table = {name}
    ) as after
