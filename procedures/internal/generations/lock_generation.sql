-- Take the locks under which everything about one generation happens: its user's, then its own.
--
-- Errors: PT422 invalid_argument, PT404 generation_not_found, 40001 where another transaction
-- changed either since a REPEATABLE READ or SERIALIZABLE one began.

create or replace function credits_internal.lock_generation(
    p_user_id uuid,
    p_generation_id uuid
)
returns credits.generations
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_generation$
declare
    v_generation credits.generations;
begin
    if p_user_id is null or p_generation_id is null then
        perform credits_internal.require_user(p_user_id);
        perform credits_internal.require_generation(p_generation_id);
    end if;

    -- The user is locked first, then the generation; both are returned as they are once the locks
    -- are held, not as they were before a wait.
    v_generation := (
        select g
        from credits.user_credits as u
        cross join credits.generations as g
        where
            u.user_id = p_user_id
            and g.user_id = p_user_id
            and g.generation_id = p_generation_id
        for no key update of u, g
    );

    if v_generation.user_id is null then
        perform credits_internal.refuse_generation(p_generation_id);
    end if;

    return v_generation;
end
$lock_generation$;

comment on function credits_internal.lock_generation is
'Lock a user, then one of the user''s generations, and return it; refuses with PT404 where there '
'is none.';

revoke all on function credits_internal.lock_generation from public;
