-- When the operators are told.

create table credits.alert_rules (
    type text not null,
    enabled boolean not null default true,
    level credits.alert_level not null,
    threshold numeric,
    critical_factor numeric,
    floor_usd numeric(18, 6),
    time_window interval,
    min_samples bigint,
    quiet_after interval,
    renotify_after interval,
    description text not null,
    constraint alert_rules_pkey primary key (type),
    constraint alert_rules_type_not_blank check (btrim(type) <> ''),
    constraint alert_rules_threshold_not_negative check (threshold >= 0),
    constraint alert_rules_critical_factor_one_or_more check (critical_factor >= 1),
    constraint alert_rules_floor_usd_not_negative check (floor_usd >= 0),
    constraint alert_rules_time_window_in_range check (
        time_window between interval '0' and interval '366 days'
    ),
    constraint alert_rules_min_samples_not_negative check (min_samples >= 0),
    constraint alert_rules_quiet_after_positive check (quiet_after > interval '0'),
    constraint alert_rules_renotify_after_positive check (renotify_after > interval '0')
);

comment on table credits.alert_rules is
'When an alert of a type opens, how urgent it is, and how often listeners are told again. Edit it. '
'A type without a row may be raised, too; it is a warning then.';
comment on column credits.alert_rules.type is
'The type of the alert.';
comment on column credits.alert_rules.enabled is
'Whether it opens at all.';
comment on column credits.alert_rules.level is
'How urgent it is at first.';
comment on column credits.alert_rules.threshold is
'It opens above so many (percent, times, refunds; of a row of failures: from so many on).';
comment on column credits.alert_rules.critical_factor is
'It is critical above so many times the threshold; null = it stays at its level.';
comment on column credits.alert_rules.floor_usd is
'Costs up to so many US dollars are never alarming.';
comment on column credits.alert_rules.time_window is
'How far back it looks, or after how long it is judged: see description.';
comment on column credits.alert_rules.min_samples is
'Fewer finished generations than these prove nothing.';
comment on column credits.alert_rules.quiet_after is
'It is resolved when it has not come again for so long; null = by the end of what it tells of, or '
'by hand.';
comment on column credits.alert_rules.renotify_after is
'Listeners are told again of an open alert that nobody has acknowledged; null = once only.';
comment on column credits.alert_rules.description is
'When it opens and when it is resolved, in a sentence for people.';

insert into credits.alert_rules (
    type, level, threshold, critical_factor, floor_usd, time_window, min_samples, quiet_after,
    renotify_after, description
)
values
(
    'refund_failed', 'error', null, null, null, '15 minutes', null, null, '1 hour',
    'A refund could not be paid; critical once it is owed for longer than time_window. Resolved '
    'when it has been paid.'
),
(
    'refund_overdue', 'critical', null, null, null, '5 minutes', null, null, '15 minutes',
    'Refunds, not under review, are owed for longer than time_window.'
),
(
    'refund_rate_high', 'warning', null, 2, null, '24 hours', 20, null, '6 hours',
    'More than threshold percent (null = settings.refund_rate_target_pct) of what finished within '
    'time_window came back.'
),
(
    'provider_failure_rate', 'warning', 20, 2.5, null, '1 hour', 10, null, '1 hour',
    'More than threshold percent of what one provider finished within time_window failed by its '
    'own fault.'
),
(
    'provider_down', 'critical', 10, null, null, '24 hours', null, null, '15 minutes',
    'The last generations of one provider within time_window, threshold of them at least, failed '
    'by its own fault.'
),
(
    'provider_out_of_credits', 'critical', null, null, null, '10 minutes', null, null, '15 minutes',
    'A provider refused a generation within time_window, since our account with it is empty.'
),
(
    'generation_stuck', 'warning', null, null, null, null, null, null, '1 hour',
    'Generations are in flight past their deadline: is sweep_stuck_generations running?'
),
(
    'absorbed_cost_high', 'warning', 3, null, 10, '14 days', null, null, '6 hours',
    'What providers billed today for what was given back is above floor_usd, and above threshold '
    'times the median of the days of time_window before.'
),
(
    'repeated_refunds', 'warning', 3, null, null, '24 hours', null, null, '24 hours',
    'One user had more than threshold refunds within time_window.'
),
(
    'ledger_violation', 'critical', null, null, null, null, null, null, '1 hour',
    'check_ledger found violations; verify_ledger says which.'
),
(
    'maintenance_failed', 'error', null, null, null, null, null, '1 hour', '6 hours',
    'A sweep could not serve a user.'
),
(
    'late_success_after_refund', 'warning', null, null, null, null, null, '7 days', null,
    'A provider reported a success after the user had been refunded.'
),
(
    'conflicting_failure', 'warning', null, null, null, null, null, '7 days', null,
    'A failure was reported of a generation that had succeeded.'
),
(
    'callback_unmatched', 'warning', null, null, null, '10 minutes', null, null, '6 hours',
    'Callbacks of a provider have been waiting for longer than time_window for somebody to attach '
    'their task.'
),
(
    'callback_unclassified', 'warning', null, null, null, null, null, '7 days', null,
    'A callback came with a code that provider_error_codes does not know.'
),
(
    'price_above_charge', 'warning', null, null, null, null, null, '7 days', null,
    'A final price was above the charge.'
),
(
    'low_balance', 'info', null, null, null, null, null, null, null,
    'A user''s balance fell below low_balance_threshold. Resolved when it is no longer below.'
);

grant select, insert, update, delete on credits.alert_rules to credits_operator;

-- check_alerts judges the open alerts of a type, listeners who poll ask what is new.
create index system_alerts_open on credits.system_alerts (type)
where resolved_at is null;
create index system_alerts_notified_at on credits.system_alerts (notified_at)
where resolved_at is null;
create index system_alerts_resolved_at on credits.system_alerts (resolved_at)
where resolved_at is not null;

update credits.system_alerts as a
set notified_at = a.created_at
where a.notified_at is null;
alter table credits.system_alerts alter column notified_at set not null;
comment on column credits.system_alerts.notified_at is
'When listeners were last told that it is open, or would have been with settings.notify_alerts: '
'it was opened, escalated or due again then.';

create type credits.maintenance_result as (
    task text,
    affected bigint
);
comment on type credits.maintenance_result is
'What one task of run_maintenance did: how many rows its function returned.';

create type credits.alert_check as (
    type text,
    opened bigint,
    resolved bigint
);
comment on type credits.alert_check is
'What check_alerts did about one type of alert.';

create index ledger_checks_violations on credits.ledger_checks (user_id)
where violations > 0;

create type credits_internal.alert_condition as (
    type text,
    user_id uuid,
    dedup_key text,
    level credits.alert_level,
    provider text,
    message text,
    metadata jsonb
);
comment on type credits_internal.alert_condition is
'Something that holds now and calls for an alert; level null = the rule''s.';

-- The views by day read the days they are asked for, and need to know where history begins.
create index generations_created_at on credits.generations (created_at);

alter table credits.settings add column history_starts_at timestamptz not null default now();
comment on column credits.settings.history_starts_at is
'Where the days and months of the views begin, unless a generation is older.';

update credits.settings as s
set history_starts_at = least(
    s.history_starts_at,
    (select min(u.created_at) from credits.user_credits as u)
);
