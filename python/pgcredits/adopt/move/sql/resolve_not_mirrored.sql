-- All tasks of a table have been mirrored: the alert that some were not is over.

select
    credits_internal.close_alert(
        credits_internal.nil_uuid(),
        'task_not_mirrored',
        format('%%I.%%I', %(schema)s::text, %(name)s::text)
    )
