-- Note that a table is closed in one of its roles.

insert into credits.imported_tables (
    source_table, role, read_as, changes_from, began_at, copied_at, closed_at
)
values (
    %(table)s, %(role)s, %(read_as)s, pg_snapshot_xmin(pg_current_snapshot()), clock_timestamp(),
    case when %(role)s <> 'tasks' then clock_timestamp() end, clock_timestamp()
)
on conflict (source_table, role) do update
    set closed_at = excluded.closed_at
