-- What a user can spend: the balance less what remains in expired lots.

create or replace function credits_internal.spendable_credits(
    p_user_id uuid
)
returns bigint
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $spendable_credits$
    select b.balance
    from credits_internal.user_balance(p_user_id => p_user_id) as b
$spendable_credits$;

comment on function credits_internal.spendable_credits is
'The user''s balance less what remains in expired lots, swept or not; 0 for an unknown user.';

revoke all on function credits_internal.spendable_credits from public;
