-- What each user holds in all columns.

select
    b.user_id,
    array[sum(b.found)] as credits
from ({balances}) as b
where b.user_id is not null
group by b.user_id
