-- How many users are on each plan, and what they could spend now.

create or replace view credits_monitoring.balances_by_plan as
with expired as (
    select
        l.user_id,
        sum(l.remaining) as credits
    from credits.credit_lots as l
    where
        not l.depleted
        and l.expires_at <= now()
    group by l.user_id
),

spendable as (
    select
        u.plan,
        u.balance - coalesce(e.credits, 0) as credits
    from credits.user_credits as u
    left join expired as e on u.user_id = e.user_id
)

select
    s.plan,
    count(*) as users,
    count(*) filter (where s.credits > 0) as users_with_credits,
    sum(s.credits)::bigint as outstanding_credits
from spendable as s
group by s.plan;

comment on view credits_monitoring.balances_by_plan is
'One row per plan that has users; plan is null for users without one.';
comment on column credits_monitoring.balances_by_plan.plan is 'The plan; null = none.';
comment on column credits_monitoring.balances_by_plan.users is 'Users on it.';
comment on column credits_monitoring.balances_by_plan.users_with_credits is
'Those of them who could spend at least one credit now.';
comment on column credits_monitoring.balances_by_plan.outstanding_credits is
'Credits that they could spend now: expired ones do not count, even before their expiry is '
'written.';

revoke all on credits_monitoring.balances_by_plan from public;
grant select on credits_monitoring.balances_by_plan to credits_analyst;
