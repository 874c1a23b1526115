-- Remove the rows that were copied by an earlier plan, except redacted ones.

delete from credits.imported_history as h
where
    h.source_table = %(table)s
    and h.redacted_at is null
