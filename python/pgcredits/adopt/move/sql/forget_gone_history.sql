-- Remove copies of rows that are no longer in the old table, or now belong to another user.

delete from credits.imported_history as h
where
    h.source_table = {name}
    and h.redacted_at is null
    and not exists (
        select
        from ({history}) as o
        where
            o.source_id = h.source_id
            and coalesce({user_id}, '00000000-0000-0000-0000-000000000000') = h.user_id
    )
