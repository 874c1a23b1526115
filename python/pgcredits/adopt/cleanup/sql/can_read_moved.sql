-- Whether pgcredits is installed, and this role may read what was moved over.

select
    exists(
        select
        from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where
            n.nspname = 'credits'
            and c.relname = 'imported_tables'
            and has_schema_privilege(n.oid, 'usage')
            and has_table_privilege(c.oid, 'select')
    ) as can_read
