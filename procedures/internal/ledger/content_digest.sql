-- The part of a ledger row's hash that stands for what can be redacted.

create or replace function credits_internal.content_digest(
    p_reason text,
    p_metadata jsonb
)
returns bytea
language sql
stable
parallel safe
security invoker
as $content_digest$
    select pg_catalog.sha256(
        pg_catalog.convert_to(
            pg_catalog.json_build_array(p_reason, p_metadata::text)::text,
            'UTF8'
        )
    )
$content_digest$;

comment on function credits_internal.content_digest is
'sha256 over the UTF-8 text that json_build_array(reason, metadata::text) prints.';

revoke all on function credits_internal.content_digest from public;
