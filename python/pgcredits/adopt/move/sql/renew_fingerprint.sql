-- Write what an earlier release noted of the plan in the form that later releases know.

update credits.imported_tables as t
set read_as = %(read_as)s
where
    t.source_table = %(table)s
    and t.role = %(role)s
    and t.read_as = %(earlier)s
