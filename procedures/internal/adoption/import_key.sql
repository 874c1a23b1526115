-- The idempotency key of what came over from a row of an older system.

create or replace function credits_internal.import_key(
    p_source_table text,
    p_source_id text
)
returns text
language sql
immutable
parallel safe
security invoker
as $import_key$
    select
        'legacy:' || p_source_table || ':'
        -- A key has 200 characters at most, and a bucket may follow.
        || case when length(p_source_id) > 36 then md5(p_source_id) else p_source_id end
$import_key$;

comment on function credits_internal.import_key is
'legacy:<table>:<id>; in place of an id that is longer than a uuid, its md5.';

revoke all on function credits_internal.import_key from public;
