-- Say that a user has no such generation.
--
-- Errors: PT404 generation_not_found.

create or replace function credits_internal.refuse_generation(
    p_generation_id uuid
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse_generation$
begin
    perform credits_internal.refuse(
        p_sqlstate => 'PT404',
        p_code => 'generation_not_found',
        p_message => 'this user has no such generation',
        p_hint => 'Pass the generation_id and the user_id that start_generation returned together.',
        p_figures => jsonb_build_object('generation_id', p_generation_id)
    );
end
$refuse_generation$;

comment on function credits_internal.refuse_generation is
'Raise PT404 generation_not_found.';

revoke all on function credits_internal.refuse_generation from public;
