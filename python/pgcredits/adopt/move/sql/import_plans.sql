-- Put users onto the plans that their tiers stand for.

select
    credits_internal.import_plans(
        array_agg(u.user_id), array_agg(u.plan), array_agg(u.next_reset_at)
    )
from (
    select
        {user_id} as user_id,
        m.plan,
        {next_reset} as next_reset_at
    from {table} as t
    inner join unnest({words}::text[], {plans}::text[]) as m (tier, plan) on {tier}::text = m.tier
    where {user} is not null
) as u
