-- The tasks of one table, with what they say of themselves.

select
    {user_id} as user_id,
    {name} as source_table,
    t.{key}::text as source_id,
    {generation_id} as generation_id,
    coalesce(nullif(btrim(left({provider}::text, 100)), ''), 'unknown') as provider,
    coalesce(nullif(btrim(left({type}::text, 100)), ''), 'unknown') as generation_type,
    array_remove({task_ids}, null) as task_ids,
    w.status,
    s.status as status_meant,
    greatest(0, coalesce({credits}, 0)) as credits_charged,
    coalesce({created}, {finished}, now()) as created_at,
    case
        when w.status in ({finished_statuses})
            then greatest(
                coalesce({finished}, {created}, now()), {created}
            )
    end as finished_at,
    {cost}::numeric as cost_usd,
    case
        when w.status = 'cancelled' then 'user_cancelled'
        when w.status = 'timed_out' then 'timeout'
        when w.status = 'failed'
            then coalesce(
                nullif(left(btrim({error_type}::text), 100), ''), 'unknown'
            )
    end as error_type,
    {error_message}::text as error_message,
    {is_refunded} as is_refunded,
    nullif(abs({refund_credits}), 0) as refund_credits
from {table} as t
cross join lateral (select {status}) as s (status)
cross join
    lateral (
        select
            case
                when s.status in ('pending', 'processing') and {stuck} then 'timed_out'
                else s.status
            end
    ) as w (status)
where {user_id} is not null
