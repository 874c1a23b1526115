-- References with more than one refund, of more than was charged. Only for systems without tasks:
-- where there are tasks, task_faults.sql finds such refunds.

select
    count(*) as rows,
    coalesce(sum(r.refunded - greatest(r.charged, r.largest)), 0)::bigint as credits
from (
    select
        sum(abs(h.amount)) filter (where h.kind = 'refund') as refunded,
        coalesce(sum(abs(h.amount)) filter (where h.kind = 'charge'), 0) as charged,
        max(abs(h.amount)) filter (where h.kind = 'refund') as largest,
        count(*) filter (where h.kind = 'refund') as refunds
    from ({history}) as h
    where nullif(btrim(h.reference), '') is not null
    group by h.user_id, h.reference
) as r
where
    r.refunds > 1
    and r.refunded > r.charged
