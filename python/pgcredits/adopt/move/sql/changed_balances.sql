-- Balances that came over, against the old rows where nobody can have changed them since.

select
    b.user_id,
    b.bucket,
    b.found::bigint as before,
    i.found as after
from ({balances}) as b
left join credits.imported_balances as i
    on
        {user_id} = i.user_id
        and i.source_table = {name}
        and b.source_id = i.source_id
        and b.bucket = i.bucket
where
    b.user_id is not null
    and b.found is distinct from i.found
order by b.user_id, b.bucket
limit {most}
