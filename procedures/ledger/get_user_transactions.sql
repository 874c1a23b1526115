-- A user's ledger, newest first, page by page.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_transactions(
    p_user_id uuid,
    p_before_seq bigint default null,
    p_limit integer default 50
)
returns setof credits.user_transaction
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_transactions$
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_limit(p_limit);

    return query
    select
        t.transaction_id,
        t.user_id,
        t.seq,
        t.created_at,
        t.transaction_type::text,
        t.credits,
        t.balance_after,
        t.source::text,
        t.refund_of,
        t.revocation_of,
        t.generation_id,
        t.cost_usd::numeric,
        t.reason,
        t.idempotency_key,
        t.metadata
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and (p_before_seq is null or t.seq < p_before_seq)
    order by t.transaction_id desc
    limit p_limit;
end
$get_user_transactions$;

comment on function credits.get_user_transactions is
'A user''s ledger rows, newest first. p_before_seq: null = from the newest, else only rows before '
'this seq (pass the last row''s for the next page). p_limit: rows at most. '
'Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.get_user_transactions from public;
grant execute on function credits.get_user_transactions to credits_app;
