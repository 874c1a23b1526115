-- Keep rows of an older system's history, as a memo: no balance moves.

create or replace function credits_internal.import_history(
    p_rows credits.imported_history[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_history$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_imported bigint;
begin
    insert into credits.imported_history as h (
        user_id,
        source_table,
        source_id,
        occurred_at,
        imported_at,
        credits,
        cost_usd,
        kind,
        reference,
        original
    )
    select
        r.user_id,
        r.source_table,
        r.source_id,
        r.occurred_at,
        v_now,
        r.credits,
        r.cost_usd,
        r.kind,
        r.reference,
        r.original
    from unnest(p_rows) as r
    -- The row was copied before and may have changed since; a redacted one stays redacted.
    on conflict (user_id, source_table, source_id) do update
    set
        occurred_at = excluded.occurred_at,
        imported_at = excluded.imported_at,
        credits = excluded.credits,
        cost_usd = excluded.cost_usd,
        kind = excluded.kind,
        reference = excluded.reference,
        original = excluded.original
    where
        h.redacted_at is null
        and h.original is distinct from excluded.original;

    get diagnostics v_imported = row_count;

    return v_imported;
end
$import_history$;

comment on function credits_internal.import_history is
'Keep rows of an older system''s history; returns how many were new or had changed. Safe to '
'repeat.';

revoke all on function credits_internal.import_history from public;
