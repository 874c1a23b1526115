-- Take the place of the run that lets go of one kind of history; another run waits for nobody.

create or replace function credits_internal.lock_purge_position(
    p_history text
)
returns credits.purge_positions
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $lock_purge_position$
declare
    v_position credits.purge_positions;
begin
    select p.*
    into v_position
    from credits.purge_positions as p
    where p.history = p_history
    for no key update skip locked;

    return v_position;
end
$lock_purge_position$;

comment on function credits_internal.lock_purge_position is
'Lock how far purge_history has come with this kind of history, and return it; all null where '
'another run is at it.';

revoke all on function credits_internal.lock_purge_position from public;
