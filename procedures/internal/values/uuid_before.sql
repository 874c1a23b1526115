-- The uuid just before another one, in their order.

create or replace function credits_internal.uuid_before(
    p_id uuid
)
returns uuid
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $uuid_before$
    -- The last digit that is not 0 is lowered by one; the zeros after it become f.
    select (
        d.digits[1]
        || translate(d.digits[2], '123456789abcdef', '0123456789abcde')
        || translate(d.digits[3], '0', 'f')
    )::uuid
    from regexp_match(replace(p_id::text, '-', ''), '^(.*)([1-9a-f])(0*)$') as d (digits)
$uuid_before$;

comment on function credits_internal.uuid_before is
'The uuid just before this one; null before the nil uuid.';

revoke all on function credits_internal.uuid_before from public;
