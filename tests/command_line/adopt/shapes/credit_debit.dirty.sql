insert into public.credit_entries (user_id, credit, debit, memo)
select lpad(to_hex(u), 32, '0')::uuid, credit, debit, memo
from (
    values (1, 100, null, 'bought'), (1, null, 30, 'image'), (2, 7, null, 'gift'), (3, null, 4, 'image')
) as v (u, credit, debit, memo);
