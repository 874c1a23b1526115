-- Judge what a refund or a revocation is asked for: the arguments that both take.
--
-- Errors: PT422 invalid_argument.

create or replace function credits_internal.require_reversal(
    p_user_id uuid,
    p_transaction_id uuid,
    p_credits bigint,
    p_reason text,
    p_idempotency_key text
)
returns void
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $require_reversal$
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_transaction(p_transaction_id);

    if p_credits is not null then
        perform credits_internal.require_credits(p_credits);
    end if;

    perform credits_internal.require_reason(p_reason);
    perform credits_internal.require_key(p_idempotency_key);
end
$require_reversal$;

comment on function credits_internal.require_reversal is
'Refuse arguments of a refund or a revocation that make no sense, with PT422. p_credits: null = '
'all that is left.';

revoke all on function credits_internal.require_reversal from public;
