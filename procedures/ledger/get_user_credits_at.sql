-- A user's balance by the ledger at a point in time.
--
-- Errors: PT422 invalid_argument.

create or replace function credits.get_user_credits_at(
    p_user_id uuid,
    p_at timestamptz
)
returns bigint
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $get_user_credits_at$
declare
    v_balance bigint;
begin
    perform credits_internal.require_user(p_user_id);

    if p_at is null then
        perform credits_internal.refuse_argument(
            'p_at', null, 'is null', 'Pass the point in time that is meant, e.g. now().'
        );
    end if;

    -- Ids sort by time, so that the primary key finds the last row; created_at is compared, too,
    -- because p_at may lie outside the times that an id can carry.
    select t.balance_after
    into v_balance
    from credits.credit_transactions as t
    where
        t.user_id = p_user_id
        and t.transaction_id <= case
            when p_at between '1970-01-01 00:00+00' and '2100-01-01 00:00+00'
                then (
                    credits_internal.uuid_v7_prefix(credits_internal.epoch_us(p_at))
                    || 'ffffffffffffffff'
                )::uuid
            else 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
        end
        and t.created_at <= p_at
    order by t.transaction_id desc
    limit 1;

    return coalesce(v_balance, 0);
end
$get_user_credits_at$;

comment on function credits.get_user_credits_at is
'The balance that the ledger shows at this time; 0 before the first row. Credits that had expired '
'by then count until their expiry was written. Errors: PT422 invalid_argument.';

revoke all on function credits.get_user_credits_at from public;
grant execute on function credits.get_user_credits_at to credits_app;
