-- Providers whose callbacks have waited too long for somebody to attach their task.

create or replace function credits_internal.callback_unmatched_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $callback_unmatched_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_provider => c.provider,
            p_message => format(
                '%s callbacks of %s have waited for longer than %s for somebody to attach their '
                'task',
                count(*),
                c.provider,
                r.time_window
            ),
            p_metadata => jsonb_build_object(
                'callbacks', count(*),
                'waiting_since', credits_internal.utc_text(min(c.received_at))
            )
        )
    from credits.alert_rules as r
    inner join credits.provider_callbacks as c on c.received_at <= p_now - r.time_window
    where
        r.type = 'callback_unmatched'
        and r.enabled
    group by
        r.type,
        c.provider
$callback_unmatched_condition$;

comment on function credits_internal.callback_unmatched_condition is
'The condition of callback_unmatched for each provider of which it holds at this time.';

revoke all on function credits_internal.callback_unmatched_condition from public;
