-- Rows of a history that begin at a balance with which no other row of the user ends, in whatever
-- order they are. One such row of each user is the first, and is right.

select coalesce(sum(u.begun - 1), 0)::bigint as rows
from (
    select sum(b.begun) as begun
    from (
        select
            s.user_id,
            greatest(0, -sum(s.ended)) as begun
        from ({history}) as h
        cross join
            lateral (
                values
                (h.user_id, h.balance_after * {per_unit}, 1),
                (
                    h.user_id,
                    h.balance_after * {per_unit} - coalesce(h.credits, h.amount),
                    -1
                )
            ) as s (user_id, balance, ended)
        group by s.user_id, s.balance
    ) as b
    group by b.user_id
    having sum(b.begun) > 1
) as u
