-- Open an alert for each condition that held at a time, unless it has been resolved since.

create or replace function credits_internal.open_conditions(
    p_conditions credits_internal.alert_condition[],
    p_at timestamptz
)
returns text[]
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '1ms'
as $open_conditions$
declare
    v_condition record;
    v_alert credits.system_alerts;
    v_opened text[] := '{}';
begin
    for v_condition in
        select
            c.*,
            a.alert_id
        from unnest(p_conditions) as c
        left join credits.system_alerts as a
            on
                c.user_id = a.user_id
                and c.type = a.type
                and c.dedup_key = a.dedup_key
                and a.resolved_at is null
        -- What was resolved since was so by somebody who knew more.
        where
            not exists (
                select
                from credits.system_alerts as r
                where
                    r.user_id = c.user_id
                    and r.type = c.type
                    and r.dedup_key = c.dedup_key
                    and r.resolved_at > p_at
            )
        -- Always in the same order, so that two sessions cannot deadlock.
        order by
            c.user_id,
            c.type,
            c.dedup_key
    loop
        begin
            -- An alert that another session has locked is skipped: the next run takes it.
            perform
            from credits.system_alerts as a
            where
                a.user_id = v_condition.user_id
                and a.alert_id = v_condition.alert_id
                and a.resolved_at is null
            for no key update skip locked;
            continue when not found and v_condition.alert_id is not null;

            v_alert := credits_internal.write_alert(
                p_user_id => v_condition.user_id,
                p_type => v_condition.type,
                p_message => v_condition.message,
                p_level => v_condition.level,
                p_dedup_key => left(v_condition.dedup_key, 200),
                p_generation_id => null,
                p_provider => v_condition.provider,
                p_metadata => v_condition.metadata
            );
        exception
            -- Another session opens the same alert at this moment.
            when lock_not_available then
                continue;
        end;

        if v_alert.occurrences = 1 then
            v_opened := v_opened || v_condition.type;
        end if;
    end loop;

    return v_opened;
end
$open_conditions$;

comment on function credits_internal.open_conditions is
'Open an alert for each condition that held at this time, or count it again; returns the types of '
'those that are new.';

revoke all on function credits_internal.open_conditions from public;
