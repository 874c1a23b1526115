-- Note that an older application asks for the refund of a task that it writes itself, where the
-- task's status pays it.
--
-- The caller holds the user's lock.

create or replace function credits_internal.note_asked_back(
    p_user_id uuid,
    p_generation_id uuid,
    p_key text default null
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $note_asked_back$
begin
    update credits.mirrored_tasks as m
    set
        asked_back_at = credits_internal.clock(),
        asked_back_as = p_key
    from credits.generations as g
    left join credits.refund_totals as r
        on
            g.user_id = r.user_id
            and g.charge_transaction_id = r.transaction_id
    where
        m.user_id = p_user_id
        and m.generation_id = p_generation_id
        and m.asked_back_at is null
        and g.user_id = m.user_id
        and g.generation_id = m.generation_id
        and (g.finished_at is null or r.refunded > 0);

    return found;
end
$note_asked_back$;

comment on function credits_internal.note_asked_back is
'True where a mirrored task is in flight or was refunded by its status, and its refund is asked '
'for the first time; false where a refund of it is another one.';

revoke all on function credits_internal.note_asked_back from public;
