-- The time of a user's next ledger row: now, but always later than the row before.

create or replace function credits_internal.next_entry_at(
    p_now timestamptz,
    p_last_entry_at timestamptz
)
returns timestamptz
language sql
stable
parallel safe
security invoker
as $next_entry_at$
    select greatest(p_now, p_last_entry_at + interval '1 microsecond')
$next_entry_at$;

comment on function credits_internal.next_entry_at is
'The later of now and the user''s last entry plus a microsecond.';

revoke all on function credits_internal.next_entry_at from public;
