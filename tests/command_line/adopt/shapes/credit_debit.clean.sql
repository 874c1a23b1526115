insert into public.credit_entries (user_id, credit, debit, memo)
select lpad(to_hex(u), 32, '0')::uuid, credit, debit, memo
from (
    values (1, 100, null, 'bought'), (1, null, 30, 'image'), (1, 0, 5, 'image'), (2, 7, null, 'gift')
) as v (u, credit, debit, memo);
