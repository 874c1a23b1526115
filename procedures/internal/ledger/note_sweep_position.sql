-- Note where the latest call of a sweep ended, unless somebody holds the note locked.

create or replace function credits_internal.note_sweep_position(
    p_task text,
    p_due_at timestamptz,
    p_user_id uuid,
    p_round_until timestamptz
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_sweep_position$
begin
    with changed as (
        select p.task
        from credits.sweep_positions as p
        where
            p.task = p_task
            and (p.due_at, p.user_id, p.round_until)
            is distinct from (p_due_at, p_user_id, p_round_until)
        for no key update skip locked
    )

    update credits.sweep_positions as p
    set
        due_at = p_due_at,
        user_id = p_user_id,
        round_until = p_round_until
    from changed as c
    where p.task = c.task;
end
$note_sweep_position$;

comment on function credits_internal.note_sweep_position is
'Note where the latest call of a sweep ended; null = it has seen all who wait. Nobody is waited '
'for: where somebody holds the note locked, it stays as it was.';

revoke all on function credits_internal.note_sweep_position from public;
