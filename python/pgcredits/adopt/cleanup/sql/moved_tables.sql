-- The tables that were moved over.

select distinct t.source_table
from credits.imported_tables as t
