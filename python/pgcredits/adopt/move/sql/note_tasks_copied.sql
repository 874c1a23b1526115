-- Note that all tasks of these tables were moved over.

update credits.imported_tables as t
set copied_at = clock_timestamp()
where
    t.source_table = any(%(tables)s)
    and t.role = 'tasks'
