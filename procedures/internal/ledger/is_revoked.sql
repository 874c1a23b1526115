-- Whether a grant has been taken back in full, whether or not all of it could be recovered.

create or replace function credits_internal.is_revoked(
    p_grant credits.credit_transactions
)
returns boolean
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $is_revoked$
    select coalesce(sum(r.credits), 0) >= (p_grant).credits
    from credits.revocations as r
    where
        r.user_id = (p_grant).user_id
        and r.grant_transaction_id = (p_grant).transaction_id
$is_revoked$;

comment on function credits_internal.is_revoked is
'Whether the revocations of a grant come to all of it.';

revoke all on function credits_internal.is_revoked from public;
