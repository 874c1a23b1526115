-- Bring balances of an older system over: each becomes a lot, granted by the ledger's first rows.
--
-- Many users in one statement, since the older system is stopped while this runs.
--
-- Errors: PT422 invalid_argument where an expiry has passed or a balance is too large.

create or replace function credits_internal.import_balances(
    p_rows credits.imported_balances[]
)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $import_balances$
declare
    v_now constant timestamptz := credits_internal.clock();
    v_new credits.imported_balances[];
    v_known credits.imported_balances[];
    v_unknown credits.imported_balances[];
    v_row credits.imported_balances;
    v_grant credits.transaction_result;
begin
    -- Each balance is granted once, however often it is handed in.
    with added as (
        insert into credits.imported_balances as b (
            user_id,
            source_table,
            source_id,
            bucket,
            imported_at,
            expires_at,
            found,
            granted,
            priority,
            unit_price_usd,
            idempotency_key
        )
        select
            r.user_id,
            r.source_table,
            r.source_id,
            r.bucket,
            v_now,
            r.expires_at,
            r.found,
            r.granted,
            r.priority,
            r.unit_price_usd,
            r.idempotency_key
        from unnest(p_rows) as r
        on conflict (user_id, idempotency_key) do nothing
        returning b as balance
    )

    select array_agg(a.balance)
    into v_new
    from added as a;

    select
        array_agg(
            b order by b.user_id, b.source_table, b.source_id, b.bucket
        ) filter (where u.user_id is not null),
        array_agg(b) filter (where u.user_id is null)
    into v_known, v_unknown
    from unnest(v_new) as b
    left join credits.user_credits as u on b.user_id = u.user_id
    where b.granted > 0;

    -- A user who is known here already may have expiries due, a balance limit to keep and a chain
    -- to continue: granted one by one, as usual.
    foreach v_row in array coalesce(v_known, '{}')
    loop
        v_grant := credits.grant_user_credits(
            p_user_id => v_row.user_id,
            p_credits => v_row.granted,
            p_source => 'import',
            p_expires_at => v_row.expires_at,
            p_priority => v_row.priority,
            p_unit_price_usd => v_row.unit_price_usd,
            p_reason => 'opening balance',
            p_idempotency_key => v_row.idempotency_key
        );

        update credits.imported_balances as b
        set transaction_id = v_grant.transaction_id
        where
            b.user_id = v_row.user_id
            and b.idempotency_key = v_row.idempotency_key;
    end loop;

    perform credits_internal.open_imported_accounts(v_unknown);

    return coalesce(cardinality(v_new), 0);
end
$import_balances$;

comment on function credits_internal.import_balances is
'Note balances of an older system and grant them; returns how many were new. Safe to repeat.';

revoke all on function credits_internal.import_balances from public;
