-- Note from which transaction on the next catch-up has to look.

update credits.imported_tables as t
set
    rows_copied = t.rows_copied + %(rows)s,
    changes_from = %(horizon)s::xid8
where
    t.source_table = %(table)s
    and t.role = 'history'
