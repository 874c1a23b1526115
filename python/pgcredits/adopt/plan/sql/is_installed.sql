-- Whether pgcredits is in this database; from a catalog that everybody may read.

select exists(
    select
    from pg_type as t
    inner join pg_namespace as n on t.typnamespace = n.oid
    where
        n.nspname = 'credits_internal'
        and t.typname = 'imported_task'
) as is_installed
