-- Let a frozen user spend again.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.unfreeze_user_credits(
    p_user_id uuid
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $unfreeze_user_credits$
declare
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.lock_user(p_user_id);
    v_now := credits_internal.clock();

    update credits.user_credits as u
    set
        frozen_at = null,
        frozen_reason = null,
        updated_at = v_now
    where
        u.user_id = p_user_id
        and u.frozen_at is not null;

    return credits_internal.user_balance(p_user_id);
end
$unfreeze_user_credits$;

comment on function credits.unfreeze_user_credits is
'Let a frozen user spend again. Safe to repeat. Errors: PT422 invalid_argument. Call it in FROM.';

revoke all on function credits.unfreeze_user_credits from public;
grant execute on function credits.unfreeze_user_credits to credits_operator;
