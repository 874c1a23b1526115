-- A user who is among those of several tables, if there is one.

select u.user_id
from ({all_users}) as u
where u.user_id is not null
group by u.user_id
having count(*) > 1
limit 1
