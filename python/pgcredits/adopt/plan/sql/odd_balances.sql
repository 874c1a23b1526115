-- Balances that pgcredits cannot hold: with a fraction, below 0, or too large.

select
    count(*) filter (where b.found <> trunc(b.found)) as fractions,
    min(b.found) filter (where b.found <> trunc(b.found)) as example,
    count(*) filter (where b.found < 0) as negatives,
    max(b.found) as largest
from ({balances}) as b
