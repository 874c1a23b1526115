-- What the ledger keeps about a movement that an application wrote by an old name.

create or replace function credits_internal.legacy_write_metadata(
    p_written_as text
)
returns jsonb
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $legacy_write_metadata$
    select
        jsonb_build_object(
            'legacy_write',
            jsonb_build_object(
                'application', w.application,
                'role', w.role_name,
                'written_as', p_written_as
            )
        )
    from credits_internal.legacy_writer() as w
$legacy_write_metadata$;

comment on function credits_internal.legacy_write_metadata is
'{"legacy_write": {application, role, written_as}}: the metadata of what was written by an old '
'name.';

revoke all on function credits_internal.legacy_write_metadata from public;
