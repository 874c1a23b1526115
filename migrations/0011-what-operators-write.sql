-- Bounds of what operators can edit, within which every function works; then names, ids and codes
-- in the form in which functions look for them.
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
            ') as w where t.%3$I = w.%3$I '
            'returning w.%3$I::text as key, w.was::text, w.value::text',
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

-- Providers, ids of tasks, codes and kinds of failure are looked for without white space at their
-- ends, of which the space is only one kind, and in lower case as in the collation C: in a Turkish
-- database the small letter of I has no dot. What earlier versions wrote otherwise is written anew.
do $words$
declare
    -- What credits_internal.white_space() returns, and how a constraint names it: as digits, since
    -- a dump with a bare carriage return in it may not survive its way.
    v_digits constant text := '20090a0b0c0d' || case
        when getdatabaseencoding() = 'UTF8'
            then
                'c285c2a0e19a80e28080e28081e28082e28083e28084e28085e28086e28087e28088'
                'e28089e2808ae280a8e280a9e280afe2819fe38080efbbbf'
        else ''
    end;
    v_white_space constant text := convert_from(decode(v_digits, 'hex'), 'UTF8');
    v_word record;
    v_normal text;
    v_row record;
begin
    for v_word in
        select w.*
        from (
            values
            ('refund_policies', 'error_type', true),
            ('provider_error_codes', 'provider', true),
            ('provider_error_codes', 'code', false),
            ('provider_error_codes', 'error_type', true),
            ('provider_prices', 'provider', true),
            ('provider_prices', 'generation_type', false)
        ) as w (relation, name, is_lower_case)
    loop
        v_normal := format(
            'btrim(%I, convert_from(decode(%L, %L), %L))', v_word.name, v_digits, 'hex', 'UTF8'
        );

        if v_word.is_lower_case then
            v_normal := format('lower(%s collate "C")', v_normal);
        end if;

        for v_row in execute format(
            'select ctid as place, %1$I as was, %2$s as value from credits.%3$I where %1$I <> %2$s',
            v_word.name, v_normal, v_word.relation
        )
        loop
            begin
                execute format(
                    'update credits.%I set %I = $1 where ctid = $2', v_word.relation, v_word.name
                )
                using v_row.value, v_row.place;
            exception
                -- A row with the right form is there already.
                when unique_violation then
                    execute format('delete from credits.%I where ctid = $1', v_word.relation)
                    using v_row.place;
            end;

            raise warning 'credits.%.%, which was %, is % now: without white space at its ends',
                v_word.relation,
                v_word.name,
                quote_literal(v_row.was),
                quote_literal(v_row.value);
        end loop;

        execute format(
            'alter table credits.%1$I drop constraint %2$I, '
            'add constraint %2$I check (%3$I = %4$s)',
            v_word.relation,
            format('%s_%s_normal', v_word.relation, v_word.name),
            v_word.name,
            v_normal
        );
    end loop;

    -- What the functions wrote: in lower case by the database's own collation, lower('I') for an I.
    for v_row in
        select
            t.*,
            n.provider as new_provider,
            n.task_id as new_task_id
        from credits.provider_tasks as t
        cross join lateral (
            select
                lower(
                    replace(btrim(t.provider, v_white_space), lower('I'), 'i') collate "C"
                ) as provider,
                btrim(t.provider_task_id, v_white_space) as task_id
        ) as n
        where
            t.provider <> n.provider
            or t.provider_task_id <> n.task_id
    loop
        begin
            update credits.provider_tasks as t
            set
                provider = v_row.new_provider,
                provider_task_id = v_row.new_task_id
            where
                t.provider = v_row.provider
                and t.provider_task_id = v_row.provider_task_id;

            update credits.generations as g
            set
                provider = v_row.new_provider,
                provider_task_id = v_row.new_task_id
            where
                g.user_id = v_row.user_id
                and g.generation_id = v_row.generation_id
                and g.provider_task_id = v_row.provider_task_id;
        exception
            -- Another generation has the task under its right id: both stay as they are.
            when unique_violation then
                null;
        end;
    end loop;

    update credits.generations as g
    set provider = n.provider
    from credits.generations as o
    cross join lateral (
        select
            lower(
                replace(btrim(o.provider, v_white_space), lower('I'), 'i') collate "C"
            ) as provider
    ) as n
    where
        g.user_id = o.user_id
        and g.generation_id = o.generation_id
        and o.provider_task_id is null
        and o.provider <> n.provider;

    update credits.generations as g
    set generation_type = btrim(g.generation_type, v_white_space)
    where g.generation_type <> btrim(g.generation_type, v_white_space);

    update credits.provider_callbacks as c
    set
        provider = lower(
            replace(btrim(c.provider, v_white_space), lower('I'), 'i') collate "C"
        ),
        provider_task_id = btrim(c.provider_task_id, v_white_space)
    where
        c.provider
        <> lower(replace(btrim(c.provider, v_white_space), lower('I'), 'i') collate "C")
        or c.provider_task_id <> btrim(c.provider_task_id, v_white_space);

    -- In a Turkish database the deployer recorded the right to insert by a word that GRANT does not
    -- know, and two more.
    update credits_deploy.manifest as m
    set
        state = n.state,
        fingerprint = encode(sha256(convert_to(n.state::text, 'utf8')), 'hex')
    from credits_deploy.manifest as o
    cross join lateral (
        select
            jsonb_set(
                o.state,
                '{grants}',
                jsonb_agg(
                    distinct replace(
                        replace(
                            replace(g.entry::text, lower('INSERT'), 'insert'),
                            lower('TRIGGER'),
                            'trigger'
                        ),
                        lower('MAINTAIN'),
                        'maintain'
                    )::jsonb
                )
            ) as state
        from jsonb_array_elements(o.state -> 'grants') as g (entry)
    ) as n
    where
        lower('I') <> 'i'
        and m.kind = o.kind
        and m.identity = o.identity
        and o.state <> n.state;
end
$words$;

comment on column credits.provider_error_codes.code is
'The code. That of a callback matches it in upper and lower case; a row in the very same case '
'comes first.';
