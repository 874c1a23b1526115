-- What a column shows of a user's lots. After FOR UPDATE has waited for somebody who moved credits,
-- u is newer than the lots that the statement sees: the two disagree, and that is an error.

select
    case
        when coalesce(sum(l.remaining), 0) = u.balance  -- noqa: RF01
            then coalesce(
                sum(l.remaining) filter (
                    where (l.expires_at is null or l.expires_at > now()) and {kind}
                ),
                0
            )
        else {stale}(u.balance)  -- noqa: RF01
    end / {per_unit}::numeric
from credits.credit_lots as l
where
    l.user_id = u.user_id  -- noqa: RF01
    and not l.depleted
