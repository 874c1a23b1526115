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
    -- One look-up for each provider: callbacks of one may be very many.
    with recursive providers as (
        select min(c.provider) as provider
        from credits.provider_callbacks as c
        union all
        select (
            select min(c.provider)
            from credits.provider_callbacks as c
            where c.provider > p.provider
        ) as provider
        from providers as p
        where p.provider is not null
    )

    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_provider => p.provider,
            p_message => format(
                '%s callbacks of %s have waited for longer than %s for somebody to attach their '
                'task',
                case when w.callbacks = 10000 then '10000 or more' else w.callbacks::text end,
                p.provider,
                r.time_window
            ),
            p_metadata => jsonb_build_object(
                'callbacks', w.callbacks,
                'waiting_since', credits_internal.utc_text(w.waiting_since)
            )
        )
    from credits.alert_rules as r
    inner join providers as p on p.provider is not null
    cross join lateral (
        select
            count(*) as callbacks,
            min(o.received_at) as waiting_since
        from (
            select c.received_at
            from credits.provider_callbacks as c
            where
                c.provider = p.provider
                and c.received_at <= p_now - r.time_window
            limit 10000
        ) as o
    ) as w
    where
        r.type = 'callback_unmatched'
        and r.enabled
        and w.callbacks > 0
$callback_unmatched_condition$;

comment on function credits_internal.callback_unmatched_condition is
'The condition of callback_unmatched for each provider of which it holds at this time; it counts '
'10000 callbacks of a provider at most.';

revoke all on function credits_internal.callback_unmatched_condition from public;
