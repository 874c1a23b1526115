-- Whether a provider's code tells the outcome of a task; null where nobody knows.

create or replace function credits_internal.is_final_code(
    p_provider text,
    p_code text
)
returns boolean
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $is_final_code$
    select
        (
            select c.outcome <> 'progress'
            from credits.provider_error_codes as c
            where
                c.provider in (p_provider, '*')
                and credits_internal.lower_case(c.code) = credits_internal.lower_case(p_code)
            -- As receive_callback chooses.
            order by
                c.code = p_code desc,
                c.provider = '*',
                c.code
            limit 1
        )
$is_final_code$;

comment on function credits_internal.is_final_code is
'Whether provider_error_codes says of this code, in any case, that the task has succeeded or '
'failed; null where it has no such code.';

revoke all on function credits_internal.is_final_code from public;
