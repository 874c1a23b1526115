-- One row of a table of tasks, as credits_internal.imported_task says it.

select
    {user_id} as user_id,
    t.source_table,
    t.source_id,
    t.generation_id,
    t.provider,
    t.generation_type,
    t.task_ids[1] as provider_task_id,
    t.status,
    t.credits_charged,
    0 as credits_refunded,
    t.created_at,
    t.finished_at,
    t.cost_usd,
    t.error_type,
    t.error_message,
    null as credits_to_charge,
    null as credits_owed,
    null as charge_transaction_id
from ({tasks}) as t
