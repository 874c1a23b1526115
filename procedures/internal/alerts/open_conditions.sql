-- Open an alert for each condition that held at a time, unless it has been resolved since.
--
-- An open alert is written only where what it says has changed: a condition that goes on as it was
-- costs no write, however many there are.

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
    v_now constant timestamptz := credits_internal.clock();
    v_condition credits_internal.alert_condition;
    v_alert credits.system_alerts;
    v_opened text[] := '{}';
begin
    -- An alert that another session has locked is skipped: the next run takes it. One that was
    -- raised since was so by somebody who knew more.
    with changed as (
        select
            a.user_id,
            a.alert_id,
            greatest(a.level, coalesce(c.level, r.level)) as level,
            c.message,
            c.metadata
        from unnest(p_conditions) as c
        inner join credits.alert_rules as r on c.type = r.type
        inner join credits.system_alerts as a
            on
                c.user_id = a.user_id
                and c.type = a.type
                and c.dedup_key = a.dedup_key
        where
            a.resolved_at is null
            and a.last_seen_at <= p_at
            and (
                a.level < coalesce(c.level, r.level)
                or a.message <> c.message
                or a.metadata <> c.metadata
            )
        for no key update of a skip locked
    )

    update credits.system_alerts as a
    set
        occurrences = a.occurrences + 1,
        last_seen_at = v_now,
        level = c.level,
        notified_at = case when c.level > a.level then v_now else a.notified_at end,
        message = c.message,
        metadata = c.metadata
    from changed as c
    where
        a.user_id = c.user_id
        and a.alert_id = c.alert_id;

    for v_condition in
        select c.*
        from unnest(p_conditions) as c
        where
            not exists (
                select
                from credits.system_alerts as a
                where
                    a.user_id = c.user_id
                    and a.type = c.type
                    and a.dedup_key = c.dedup_key
                    and a.resolved_at is null
            )
            -- What was resolved since was so by somebody who knew more.
            and not exists (
                select
                from credits.system_alerts as r
                where
                    r.user_id = c.user_id
                    and r.type = c.type
                    and r.dedup_key = c.dedup_key
                    and r.resolved_at > p_at
            )
        -- Always in the same order; the platform's come first.
        order by
            c.user_id,
            c.type,
            c.dedup_key
    loop
        begin
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
            -- Another session opens the same alert at this moment, or holds it.
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
'Open an alert for each condition that held at this time, and write to those that are open what '
'has changed; returns the types of those that are new.';

revoke all on function credits_internal.open_conditions from public;
