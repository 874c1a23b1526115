-- Make generations of a batch of the kept tasks.

select credits_internal.import_tasks(
    array(
        select
            row(
                t.pgcredits_user_id, t.source_table, t.source_id, t.generation_id, t.provider,
                t.generation_type, t.provider_task_id, t.status, t.credits_charged,
                t.credits_refunded, t.created_at, t.finished_at, t.cost_usd, t.error_type,
                t.error_message, null, null, null
            )::credits_internal.imported_task
        from old_tasks as t
        where
            t.n > %(from)s
            and t.n <= %(to)s
        order by t.n
    )
) as imported
