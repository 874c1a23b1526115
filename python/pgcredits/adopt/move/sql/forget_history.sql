-- Remove what was copied as the plan had it before; what was redacted stays.

delete from credits.imported_history as h
where
    h.source_table = %(table)s
    and h.redacted_at is null
