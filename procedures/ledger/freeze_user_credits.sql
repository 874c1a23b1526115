-- Stop a user from spending; refunds still reach them.
--
-- Errors: PT422 invalid_argument, PT404 user_not_found.

create or replace function credits.freeze_user_credits(
    p_user_id uuid,
    p_reason text
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $freeze_user_credits$
declare
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);
    perform credits_internal.require_reason(p_reason);

    -- A user who was never granted anything must be freezable, too.
    perform credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_now := credits_internal.clock();

    -- The first reason stands: a repeat does not rewrite the story.
    update credits.user_credits as u
    set
        frozen_at = v_now,
        frozen_reason = p_reason,
        updated_at = v_now
    where
        u.user_id = p_user_id
        and u.frozen_at is null;

    return credits_internal.user_balance(p_user_id);
end
$freeze_user_credits$;

comment on function credits.freeze_user_credits is
'Stop a user from spending. Refunds still reach a frozen user. Safe to repeat: the first reason '
'stands. Errors: PT422 invalid_argument, PT404 user_not_found. Call it in FROM.';

revoke all on function credits.freeze_user_credits from public;
grant execute on function credits.freeze_user_credits to credits_operator;
