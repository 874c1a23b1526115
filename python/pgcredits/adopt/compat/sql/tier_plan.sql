-- The plan of a row's tier: first of those users who are named with their allowance.

select m.plan
from (select {changed}.*) as t  -- noqa: RF01
cross join
    lateral (
        select {tier}::text || '/' || trim_scale({allowance}::numeric)::text as pair
    ) as w
inner join unnest({words}::text[], {plans}::text[]) as m (tier, plan)
    on m.tier = case when w.pair = any({words}::text[]) then w.pair else {tier}::text end
