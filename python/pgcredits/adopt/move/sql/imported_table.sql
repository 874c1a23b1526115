-- How far the move of a table is, in one of its roles.

select t.* from credits.imported_tables as t
where t.source_table = %(table)s and t.role = %(role)s
