-- What a call that moves credits answers where an earlier one has done its work: the same again,
-- with the balance of now.

create or replace function credits_internal.replayed_transaction(
    p_user_id uuid,
    p_prior credits_internal.stored_request
)
returns credits.transaction_result
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $replayed_transaction$
    select
        p_prior.transaction_id,
        p_user_id,
        p_prior.credits,
        credits_internal.spendable_credits(p_user_id),
        true
$replayed_transaction$;

comment on function credits_internal.replayed_transaction is
'The answer to a repeated grant, deduction or revocation: the first one''s ledger row and credits, '
'today''s spendable balance, and replayed = true.';

revoke all on function credits_internal.replayed_transaction from public;
