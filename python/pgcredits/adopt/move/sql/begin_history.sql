-- Begin the copy of a history; begin it anew where another plan had read it. If this changes no
-- row, an earlier copy goes on.

insert into credits.imported_tables as t (
    source_table, role, read_as, changes_from, began_at
)
values (
    %(table)s, 'history', %(read_as)s, pg_snapshot_xmin(pg_current_snapshot()), clock_timestamp()
)
on conflict (source_table, role) do update
    set
        read_as = excluded.read_as,
        rows_copied = 0,
        copied_to = null,
        copied_at = null,
        changes_from = excluded.changes_from,
        began_at = excluded.began_at
    where t.read_as <> excluded.read_as
returning t.source_table
