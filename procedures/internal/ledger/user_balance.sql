-- A user's balance as every public function shows it.

create or replace function credits_internal.user_balance(
    p_user_id uuid
)
returns credits.user_balance
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $user_balance$
    with now as materialized (
        select credits_internal.clock() as at
    ),
    lots as (
        select
            sum(l.remaining) filter (where l.expires_at <= now.at) as expired,
            sum(l.remaining) filter (where l.expires_at > now.at) as expiring,
            min(l.expires_at) filter (where l.expires_at > now.at) as next_expiry_at
        from credits.credit_lots as l
        cross join now
        where
            l.user_id = p_user_id
            and not l.depleted
    )
    select row(
        p_user_id,
        coalesce(u.balance - coalesce(lots.expired, 0), 0),
        coalesce(lots.expiring, 0),
        lots.next_expiry_at,
        u.plan,
        u.low_balance_threshold,
        u.frozen_at is not null
    )::credits.user_balance
    from lots
    left join credits.user_credits as u on u.user_id = p_user_id
$user_balance$;

comment on function credits_internal.user_balance is
'The user''s spendable balance and what belongs to it; zeros for an unknown user.';

revoke all on function credits_internal.user_balance from public;
