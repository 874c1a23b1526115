-- Tasks that cannot become generations: the price has a fraction of a credit, two tables share an
-- id, or the status is none of a generation's. Found before the cut-over, since nothing can be
-- corrected after it.

select
    min(t.source_table || ' ' || t.source_id) filter (
        where t.credits_charged <> trunc(t.credits_charged)
    ) as fraction,
    min(t.source_table || ' ' || t.source_id) filter (where t.alike > 1) as twin,
    count(t.status::credits.generation_status) as tasks
from (
    select
        t.*,
        count(*) over (partition by t.user_id, t.generation_id) as alike
    from ({tasks}) as t
) as t
