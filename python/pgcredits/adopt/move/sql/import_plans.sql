-- Put users onto the plans that their tiers stand for, those first that are named with their
-- allowance.

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
    cross join
        lateral (
            select {tier}::text || '/' || trim_scale({allowance}::numeric)::text as pair
        ) as w
    inner join unnest({words}::text[], {plans}::text[]) as m (tier, plan)
        on m.tier = case when w.pair = any({words}::text[]) then w.pair else {tier}::text end
    where {user_id} is not null
) as u
