-- What the older system held, and what the ledger got of it.

select
    count(distinct b.user_id) as users,
    coalesce(sum(b.found), 0)::bigint as found,
    coalesce(-sum(b.found) filter (where b.found < 0), 0)::bigint as forgiven,
    coalesce(sum(b.found) filter (where b.found > 0 and b.granted = 0), 0)::bigint as expired,
    coalesce(sum(b.granted), 0)::bigint as granted,
    coalesce(sum(t.credits), 0)::bigint as in_ledger
from credits.imported_balances as b
left join credits.credit_transactions as t
    on
        b.user_id = t.user_id
        and b.transaction_id = t.transaction_id
        and t.source = 'import'
