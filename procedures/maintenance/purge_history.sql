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
declare
    v_now constant timestamptz := credits_internal.clock();
    v_purge record;
    v_from timestamptz;
    v_count bigint := 0;
begin
    perform credits_internal.require_limit(p_limit);

    for v_purge in
        -- Where another run is at one, it is left to it.
        select
            p as position,
            v_now - k.keep as before
        from credits.settings as s
        cross join lateral (
            values
            ('payloads', s.keep_payloads),
            ('resolved alerts', s.keep_resolved_alerts),
            ('unmatched callbacks', s.keep_unmatched_callbacks)
        ) as k (history, keep)
        inner join credits.purge_positions as p on k.history = p.history
        where k.keep is not null
        for no key update of p skip locked
    loop
        v_from := coalesce((v_purge.position).purged_to, '-infinity');

        v_count := v_count + case (v_purge.position).history
            when 'payloads' then credits_internal.purge_payloads(
                p_limit, v_purge.position, v_purge.before
            )
            when 'resolved alerts' then credits_internal.purge_resolved_alerts(
                p_limit, v_from, v_purge.before
            )
            when 'unmatched callbacks' then credits_internal.purge_unmatched_callbacks(
                p_limit, v_from, v_purge.before
            )
        end;
    end loop;

    return v_count;
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
