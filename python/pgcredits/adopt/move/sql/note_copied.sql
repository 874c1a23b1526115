-- Note how far the copy of a history is.

update credits.imported_tables as t
set
    rows_copied = t.rows_copied + %(rows)s,
    copied_to = coalesce(%(last)s, t.copied_to),
    copied_at = case when %(is_all)s then coalesce(t.copied_at, clock_timestamp()) end
where
    t.source_table = %(table)s
    and t.role = 'history'
