-- A time as all our JSON shows it: in UTC, whatever the session's time zone is.

create or replace function credits_internal.utc_text(
    p_at timestamptz
)
returns text
language sql
stable
parallel safe
security invoker
as $utc_text$
    select pg_catalog.to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$utc_text$;

comment on function credits_internal.utc_text is
'The time in UTC as ISO 8601, with microseconds.';

revoke all on function credits_internal.utc_text from public;
