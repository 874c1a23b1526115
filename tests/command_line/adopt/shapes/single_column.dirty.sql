insert into public.profiles (id, username, credits)
select lpad(to_hex(u), 32, '0')::uuid, 'user ' || u, credits
from (values (1, 10), (2, 0), (3, 250), (4, -3)) as v (u, credits);
