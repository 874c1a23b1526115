-- Balances against the nearest of those that the history may lead to: how many users differ, by how
-- many credits, and who differs most.

with moved as materialized ({moves}),

held as (
    select
        b.user_id,
        sum(b.found) as credits
    from ({balances}) as b
    where b.user_id is not null
    group by b.user_id
),

compared as (
    select
        coalesce(h.user_id, m.user_id) as user_id,
        coalesce(h.credits, 0) as held,
        case
            when m.user_id is null then {opening}  -- noqa: RF02
            when cardinality(m.credits) = 1 then coalesce(m.credits[1], 0)
            else
                (
                    select coalesce(c.credits, 0)
                    from unnest(m.credits) as c (credits)
                    order by abs(coalesce(h.credits, 0) - coalesce(c.credits, 0))
                    limit 1
                )
        end as moved
    from moved as m
    full join held as h on m.user_id = h.user_id
),

judged as (
    select
        c.*,
        abs(c.held - c.moved) > {tolerance} as differs
    from compared as c
)

select
    count(*) as users,
    count(*) filter (where j.differs) as differing,
    trim_scale(coalesce(sum(j.moved), 0)) as by_history,
    trim_scale(coalesce(sum(abs(j.held - j.moved)) filter (where j.differs), 0)) as credits,
    (
        select
            jsonb_agg(
                jsonb_build_array(
                    w.user_id, trim_scale(w.held)::text, trim_scale(w.moved)::text
                )
            )
        from (
            select o.*
            from judged as o
            where o.differs
            order by abs(o.held - o.moved) desc, o.user_id asc
            limit {most}
        ) as w
    ) as worst
from judged as j
