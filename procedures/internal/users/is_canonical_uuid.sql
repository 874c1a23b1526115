-- Whether a text is a uuid as it is usually written.
--
-- PostgreSQL reads other texts as uuids, too: 32 digits without hyphens, or braces around them.

create or replace function credits_internal.is_canonical_uuid(
    p_text text
)
returns boolean
language sql
immutable
parallel safe
security invoker
as $is_canonical_uuid$
    select
        pg_catalog.length(p_text) = 36
        and p_text ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
$is_canonical_uuid$;

comment on function credits_internal.is_canonical_uuid is
'True for 36 characters with hyphens in the right places, in upper or lower case.';

revoke all on function credits_internal.is_canonical_uuid from public;
