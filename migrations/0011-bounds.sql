-- Bounds of what operators can edit: within them every function works.
--
-- A time that is added to the clock must not leave the range of timestamptz, a product must not
-- leave that of numeric, and the days of the views must be few enough to be counted. A century
-- (36525 days) is more than anybody needs; null still means never, where it did.

-- Rows of earlier versions that lie outside are moved to the nearest bound.
do $clamp$
declare
    v_bound record;
    v_value text;
    v_is_outside text;
    v_least_part text;
    v_row record;
begin
    for v_bound in
        select b.*
        from (
            values
            (
                'settings', 'one_row', 'history_starts_at', 'timestamptz',
                '1970-01-01 00:00+00', '2100-01-01 00:00+00'
            ),
            (
                'settings', 'one_row', 'default_low_balance_threshold', 'bigint',
                null, '9000000000000000'
            ),
            ('settings', 'one_row', 'default_generation_timeout', 'interval', null, '366 days'),
            ('settings', 'one_row', 'refund_grace', 'interval', null, '36525 days'),
            ('alert_rules', 'type', 'threshold', 'numeric', null, '1000000000'),
            ('alert_rules', 'type', 'critical_factor', 'numeric', null, '1000000'),
            ('alert_rules', 'type', 'floor_usd', 'numeric', null, '999999999.999999'),
            ('alert_rules', 'type', 'time_window', 'interval', null, '366 days'),
            ('alert_rules', 'type', 'quiet_after', 'interval', null, '36525 days'),
            ('alert_rules', 'type', 'renotify_after', 'interval', null, '36525 days')
        ) as b (relation, key, name, type, lowest, highest)
    loop
        -- greatest and least pass over a bound that is null.
        v_value := format(
            'greatest(%2$L::%4$s, least(%3$L::%4$s, t.%1$I))',
            v_bound.name, v_bound.lowest, v_bound.highest, v_bound.type
        );
        v_is_outside := format(
            't.%1$I < %2$L::%4$s or t.%1$I > %3$L::%4$s',
            v_bound.name, v_bound.lowest, v_bound.highest, v_bound.type
        );

        -- A month less thirty days counts as no time at all, however many there are of both: such
        -- an interval is written anew, with parts of one sign.
        if v_bound.type = 'interval' then
            v_least_part := format(
                'least('
                'extract(year from %1$I), extract(month from %1$I), extract(day from %1$I), '
                'extract(hour from %1$I), extract(minute from %1$I), extract(second from %1$I))',
                v_bound.name
            );
            v_value := format(
                'case when t.%1$I > %2$L then %2$L else justify_interval(t.%1$I) end',
                v_bound.name, v_bound.highest
            );
            v_is_outside := format('%s or %s < 0', v_is_outside, v_least_part);
        end if;

        for v_row in execute format(
            'update credits.%1$I as t set %2$I = w.value from ('
            'select t.%3$I, t.%2$I as was, %4$s as value from credits.%1$I as t where %5$s'
            ') as w where t.%3$I = w.%3$I returning w.%3$I::text as key, w.was::text, w.value::text',
            v_bound.relation, v_bound.name, v_bound.key, v_value, v_is_outside
        )
        loop
            raise warning 'credits.%.%, which was %, is % now: the nearest that is allowed',
                v_bound.relation || case v_bound.key
                    when 'type' then format(' (%s)', v_row.key)
                    else ''
                end,
                v_bound.name,
                v_row.was,
                v_row.value;
        end loop;

        if v_bound.type = 'interval' then
            execute format(
                'alter table credits.%1$I add constraint %2$I check (%3$s >= 0)',
                v_bound.relation,
                format('%s_%s_no_negative_part', v_bound.relation, v_bound.name),
                v_least_part
            );
        end if;
    end loop;
end
$clamp$;

alter table credits.settings
drop constraint settings_default_low_balance_threshold_not_negative,
add constraint settings_default_low_balance_threshold_in_range check (
    default_low_balance_threshold between 0 and 9000000000000000
),
add constraint settings_history_starts_at_in_range check (
    history_starts_at between
    timestamptz '1970-01-01 00:00+00' and timestamptz '2100-01-01 00:00+00'
),
add constraint settings_refund_grace_a_century_or_less check (
    refund_grace <= interval '36525 days'
);

alter table credits.alert_rules
drop constraint alert_rules_threshold_not_negative,
add constraint alert_rules_threshold_in_range check (threshold between 0 and 1000000000),
drop constraint alert_rules_critical_factor_one_or_more,
add constraint alert_rules_critical_factor_in_range check (critical_factor between 1 and 1000000),
drop constraint alert_rules_floor_usd_not_negative,
add constraint alert_rules_floor_usd_in_range check (floor_usd >= 0 and floor_usd < 1000000000),
drop constraint alert_rules_quiet_after_positive,
add constraint alert_rules_quiet_after_in_range check (
    quiet_after > interval '0'
    and quiet_after <= interval '36525 days'
),
drop constraint alert_rules_renotify_after_positive,
add constraint alert_rules_renotify_after_in_range check (
    renotify_after > interval '0'
    and renotify_after <= interval '36525 days'
);
