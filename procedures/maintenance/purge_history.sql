-- Let go what settings say is not to be kept: payloads of callbacks, resolved alerts, and callbacks
-- that nobody claimed. Never anything of the ledger.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.purge_history(
    p_limit integer default 1000
)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $purge_history$
begin
    perform credits_internal.require_limit(p_limit);

    return credits_internal.purge_payloads(p_limit)
        + credits_internal.purge_resolved_alerts(p_limit)
        + credits_internal.purge_unmatched_callbacks(p_limit);
end
$purge_history$;

comment on function credits.purge_history is
'Blank payloads of callbacks, delete resolved alerts, and delete callbacks whose task nobody has '
'attached, once they are older than settings.keep_payloads, keep_resolved_alerts and '
'keep_unmatched_callbacks say; the ledger, and the events themselves, stay. Up to p_limit of each '
'kind; returns how many it went through, 0 = nothing is left. What somebody holds locked is left '
'for a later run. Safe to run twice at once. Errors: PT422 invalid_argument.';

revoke all on function credits.purge_history from public;
grant execute on function credits.purge_history to credits_operator;
