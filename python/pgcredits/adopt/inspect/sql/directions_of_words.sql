-- For each word of a history whether the balance always rose, or always fell, by its rows' amounts.
-- What a user had before the first row is not known.

select
    s.word,
    bool_and(s.step = abs(s.amount)) as rises,
    bool_and(s.step = -abs(s.amount)) as falls
from (
    select
        coalesce(t.{kind}::text, '') as word,
        t.{amount} as amount,
        t.{after} - coalesce(lag(t.{after}) over each_user, 0) as step,
        lag(t.{after}) over each_user is null as is_first
    from {table} as t
    where t.{amount} <> 0
    window each_user as (
        partition by t.{user}
        order by t.{at}, t.{key}
    )
) as s
where not s.is_first or abs(s.step) = abs(s.amount)
group by s.word
