-- Refuse a write to a balance, or to a row, that is no longer what the statement saw.
--
-- Errors: 40001 balance_changed.

create or replace function credits_internal.refuse_stale_write(
    p_written_as text
)
returns void
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $refuse_stale_write$
begin
    perform credits_internal.refuse(
        p_sqlstate => '40001',
        p_code => 'balance_changed',
        p_message => format('%s: another session has changed this row meanwhile', p_written_as),
        p_hint => 'Read it again, and then write.',
        p_figures => jsonb_build_object('table', p_written_as)
    );
end
$refuse_stale_write$;

comment on function credits_internal.refuse_stale_write is
'Raise 40001 balance_changed: what was written was worked out from a row that has changed since.';

revoke all on function credits_internal.refuse_stale_write from public;
