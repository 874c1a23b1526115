-- The uuid just after another one, in their order.

create or replace function credits_internal.uuid_after(
    p_id uuid
)
returns uuid
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $uuid_after$
    -- The last digit that is not f is raised by one; those after it become 0.
    select (
        d.digits[1]
        || translate(d.digits[2], '0123456789abcde', '123456789abcdef')
        || translate(d.digits[3], 'f', '0')
    )::uuid
    from regexp_match(replace(p_id::text, '-', ''), '^(.*)([0-9a-e])(f*)$') as d (digits)
$uuid_after$;

comment on function credits_internal.uuid_after is
'The uuid just after this one; null after the greatest.';

revoke all on function credits_internal.uuid_after from public;
