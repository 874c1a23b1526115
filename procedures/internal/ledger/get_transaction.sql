-- Find one ledger row of a user.
--
-- Errors: PT404 transaction_not_found.

create or replace function credits_internal.get_transaction(
    p_user_id uuid,
    p_transaction_id uuid
)
returns credits.credit_transactions
language plpgsql
volatile
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $get_transaction$
declare
    v_transaction credits.credit_transactions;
begin
    select t.*
    into v_transaction
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.transaction_id = p_transaction_id;

    if not found then
        perform credits_internal.refuse(
            p_sqlstate => 'PT404',
            p_code => 'transaction_not_found',
            p_message => 'this user has no such transaction',
            p_hint => 'Pass the transaction_id and the user_id that one call returned together.',
            p_figures => jsonb_build_object('transaction_id', p_transaction_id)
        );
    end if;

    return v_transaction;
end
$get_transaction$;

comment on function credits_internal.get_transaction is
'The ledger row of this user with this id; refuses with PT404 where there is none.';

revoke all on function credits_internal.get_transaction from public;
