-- What a column shows that holds all of a user's credits. After FOR UPDATE has waited for somebody
-- who moved credits, this is what they left.

select (u.balance - coalesce(sum(l.remaining), 0)) / {per_unit}::numeric  -- noqa: RF01
from credits.credit_lots as l
where
    l.user_id = u.user_id  -- noqa: RF01
    and not l.depleted
    and l.expires_at <= now()
