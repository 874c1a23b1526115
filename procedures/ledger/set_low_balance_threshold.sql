-- Say when a user's balance is low.
--
-- Errors: PT422 invalid_argument, PT404 user_not_found.

create or replace function credits.set_low_balance_threshold(
    p_user_id uuid,
    p_credits bigint
)
returns credits.user_balance
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $set_low_balance_threshold$
declare
    v_user credits.user_credits;
    v_now timestamptz;
begin
    perform credits_internal.require_user(p_user_id);

    if p_credits not between 0 and 9000000000000000 then
        perform credits_internal.refuse_argument(
            'p_credits',
            p_credits::text,
            'is ' || p_credits::text,
            'Pass 0 to 9000000000000000 credits, or null for no warning.'
        );
    end if;

    v_user := credits_internal.lock_user(p_user_id, p_create_missing => true);
    v_now := credits_internal.clock();

    update credits.user_credits as u
    set
        low_balance_threshold = p_credits,
        updated_at = v_now
    where u.user_id = p_user_id;

    -- Only a balance that crosses the threshold opens the alert; a threshold that the balance is
    -- not below resolves it at once.
    if (v_user.balance < p_credits) is not true then
        perform credits_internal.close_alert(p_user_id, 'low_balance', '');
    end if;

    return credits_internal.user_balance(p_user_id);
end
$set_low_balance_threshold$;

comment on function credits.set_low_balance_threshold is
'Warn when this user''s balance falls below so many credits; null = never. '
'Errors: PT422 invalid_argument, PT404 user_not_found. Call it in FROM.';

revoke all on function credits.set_low_balance_threshold from public;
grant execute on function credits.set_low_balance_threshold to credits_app;
