-- Make room in the inbox for a callback that tells more of its task than one that waits there.
--
-- However many reports of progress come first, and however often an outcome is delivered again, no
-- other outcome is lost, nor a code that nobody knows: that may be the outcome, and is to alert.

create or replace function credits_internal.make_room(
    p_provider text,
    p_provider_task_id text,
    p_code text
)
returns boolean
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $make_room$
begin
    with worths as (
        -- Progress 0, a code that waits already 1, one that nobody knows 2, an outcome 3.
        select
            w.callback_id,
            case
                when not w.is_final then 0
                when w.delivery > 1 then 1
                when w.is_final then 3
                else 2
            end as worth
        from (
            select
                c.callback_id,
                credits_internal.is_final_code(p_provider, c.code) as is_final,
                row_number() over (
                    partition by credits_internal.lower_case(c.code)
                    order by c.callback_id
                ) as delivery
            from (
                select
                    k.callback_id,
                    k.code
                from credits.provider_callbacks as k
                where
                    k.provider = p_provider
                    and k.provider_task_id = p_provider_task_id
                union all
                -- The new one, after all that wait.
                select
                    null,
                    p_code
            ) as c
        ) as w
    )

    delete from credits.provider_callbacks as c
    where
        c.provider = p_provider
        and c.provider_task_id = p_provider_task_id
        and c.callback_id = (
            select o.callback_id
            from worths as o
            inner join worths as n on o.worth < n.worth
            where
                n.callback_id is null
                and o.callback_id is not null
            order by
                o.worth,
                o.callback_id
            limit 1
        );

    return found;
end
$make_room$;

comment on function credits_internal.make_room is
'For a callback that tells more of its task than one that waits for it, by its code, drop the '
'oldest that tells least; returns whether there is room now. The task''s row is locked.';

revoke all on function credits_internal.make_room from public;
