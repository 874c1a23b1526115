-- Providers that refused work lately because our account with them is empty.

create or replace function credits_internal.provider_out_of_credits_condition(
    p_now timestamptz
)
returns setof credits_internal.alert_condition
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $provider_out_of_credits_condition$
    select
        credits_internal.platform_condition(
            p_type => r.type,
            p_provider => f.provider,
            p_message => format(
                'our account with %s is empty: %s generations refused', f.provider, f.refused
            ),
            p_metadata => jsonb_build_object('generations', f.refused)
        )
    from credits.alert_rules as r
    cross join lateral (
        select
            g.provider,
            count(*) as refused
        from credits_monitoring.generation_facts as g
        where
            g.finished_at > p_now - r.time_window
            and g.is_finished
            and g.error_type = 'provider_out_of_credits'
        group by g.provider
    ) as f
    where
        r.type = 'provider_out_of_credits'
        and r.enabled
$provider_out_of_credits_condition$;

comment on function credits_internal.provider_out_of_credits_condition is
'The condition of provider_out_of_credits for each provider of which it holds at this time.';

revoke all on function credits_internal.provider_out_of_credits_condition from public;
