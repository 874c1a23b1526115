-- For sweeps: lock a generation and its user unless somebody is at work at either.

create or replace function credits_internal.lock_idle_generation(
    p_user_id uuid,
    p_generation_id uuid
)
returns credits.generations
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_idle_generation$
begin
    -- The user is locked first, then the generation, as lock_generation does.
    return (
        select g
        from credits.user_credits as u
        cross join credits.generations as g
        where
            u.user_id = p_user_id
            and g.user_id = p_user_id
            and g.generation_id = p_generation_id
        for no key update of u, g skip locked
    );
end
$lock_idle_generation$;

comment on function credits_internal.lock_idle_generation is
'Lock a user, then one of the user''s generations, where that needs no waiting, and return it; all '
'null where it would.';

revoke all on function credits_internal.lock_idle_generation from public;
