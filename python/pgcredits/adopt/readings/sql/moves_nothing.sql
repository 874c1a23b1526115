-- A row where a history has amounts, and none of its rows moves anything as it is read.

select true as is_silent
where
    not exists (
        select
        from ({history}) as h
        where h.credits <> 0
    )
    and exists (
        select
        from ({all_rows}) as h
        where h.amount <> 0
    )
