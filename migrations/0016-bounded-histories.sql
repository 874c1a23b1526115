-- What grows by what others send has bounds, and what nobody needs any more can be let go.

-- A report that only repeats an earlier one is counted, and no event is added for it.
alter table credits.generations
add column last_repeated_at timestamptz,
add column repeated_reports integer not null default 0;

comment on column credits.generations.last_repeated_at is
'When a report last came that was counted in repeated_reports; null = never.';
comment on column credits.generations.repeated_reports is
'How many reports changed nothing and were the same as an earlier one, or of the same kind and '
'came after 200 events: they are counted here, and are no rows of generation_events.';

-- The inbox: how much waits for a task is known by the task's row.
alter table credits.provider_tasks
add column tried_at timestamptz,
add column waiting_callbacks integer not null default 0,
add column dropped_callbacks integer not null default 0;

update credits.provider_tasks as t
set waiting_callbacks = c.callbacks
from (
    select
        p.provider,
        p.provider_task_id,
        count(*) as callbacks
    from credits.provider_callbacks as p
    group by
        p.provider,
        p.provider_task_id
) as c
where
    t.provider = c.provider
    and t.provider_task_id = c.provider_task_id;

-- Of tasks that are attached: what apply_waiting_callbacks has to serve.
create index provider_tasks_to_apply on credits.provider_tasks (user_id, generation_id)
where user_id is not null and waiting_callbacks > 0;

comment on column credits.provider_tasks.tried_at is
'When apply_waiting_callbacks last failed to apply its callbacks; null = it never failed.';
comment on column credits.provider_tasks.waiting_callbacks is
'How many callbacks of the task wait in provider_callbacks.';
comment on column credits.provider_tasks.dropped_callbacks is
'How many early callbacks of the task were not kept, since as many as are kept of one task waited '
'already.';

-- A low_balance alert that comes and goes stays open for a while.
alter table credits.waiting_alerts add column not_before timestamptz;

comment on table credits.waiting_alerts is
'What calls had to say of alerts that somebody held locked at that moment, and resolutions that '
'are put off. check_alerts writes it to system_alerts and removes it from here.';
comment on column credits.waiting_alerts.not_before is
'Of a resolution that is put off: when it is due, unless the alert is raised again before; '
'null = at once.';

update credits.alert_rules as r
set
    time_window = interval '1 hour',
    description = case r.description
        when
            'A user''s balance fell below low_balance_threshold. Resolved when it is no longer '
            'below.'
            then
                'A user''s balance fell below low_balance_threshold. Resolved when it is no longer '
                'below; where it already opened within time_window before, it stays open for so '
                'long.'
        else r.description
    end
where
    r.type = 'low_balance'
    and r.time_window is null;

update credits.alert_rules as r
set
    description = 'One user had more than threshold refunds within time_window. Beyond the hundred '
    'with the most one alert about the platform says how many more there are.'
where
    r.type = 'repeated_refunds'
    and r.description = 'One user had more than threshold refunds within time_window.';

comment on column credits.system_alerts.occurrences is
'How often the alert was raised while open. Where check_alerts judges it, a condition that goes on '
'counts again only when what it says has changed.';
comment on column credits.system_alerts.last_seen_at is
'When the alert was last raised, or what it says last changed.';

-- Retention.
alter table credits.settings
add column keep_payloads interval,
add column keep_resolved_alerts interval,
add column keep_unmatched_callbacks interval default interval '30 days',
add constraint settings_keep_payloads_in_range check (
    keep_payloads between interval '1 day' and interval '36525 days'
),
add constraint settings_keep_payloads_no_negative_part check (
    least(
        extract(year from keep_payloads), extract(month from keep_payloads),
        extract(day from keep_payloads), extract(hour from keep_payloads),
        extract(minute from keep_payloads), extract(second from keep_payloads)
    ) >= 0
),
add constraint settings_keep_resolved_alerts_in_range check (
    keep_resolved_alerts between interval '1 day' and interval '36525 days'
),
add constraint settings_keep_resolved_alerts_no_negative_part check (
    least(
        extract(year from keep_resolved_alerts), extract(month from keep_resolved_alerts),
        extract(day from keep_resolved_alerts), extract(hour from keep_resolved_alerts),
        extract(minute from keep_resolved_alerts), extract(second from keep_resolved_alerts)
    ) >= 0
),
add constraint settings_keep_unmatched_callbacks_in_range check (
    keep_unmatched_callbacks between interval '1 day' and interval '36525 days'
),
add constraint settings_keep_unmatched_callbacks_no_negative_part check (
    least(
        extract(year from keep_unmatched_callbacks), extract(month from keep_unmatched_callbacks),
        extract(day from keep_unmatched_callbacks), extract(hour from keep_unmatched_callbacks),
        extract(minute from keep_unmatched_callbacks), extract(second from keep_unmatched_callbacks)
    ) >= 0
);

comment on column credits.settings.keep_payloads is
'How long after the end of its generation the payload of a callback is kept, a day or more; then '
'purge_history blanks it. Null = for ever.';
comment on column credits.settings.keep_resolved_alerts is
'How long a resolved alert is kept, a day or more; then purge_history deletes it. Null = for ever.';
comment on column credits.settings.keep_unmatched_callbacks is
'How long a callback is kept whose task nobody has attached, a day or more; then purge_history '
'deletes it. Null = for ever.';

alter table credits.generation_events add column payload_purged_at timestamptz;

comment on table credits.generation_events is
'Everything that was reported about generations, applied or not, but for what '
'generations.repeated_reports counts: append-only.';
comment on column credits.generation_events.payload_purged_at is
'When the payload was blanked by purge_history; null = it was not.';

create table credits.purge_positions (
    history text not null,
    purged_to timestamptz,
    last_user_id uuid,
    last_generation_id uuid,
    constraint purge_positions_pkey primary key (history)
);

comment on table credits.purge_positions is
'How far purge_history has come in each history, so that it does not read again what it has '
'purged. Not for editing.';
comment on column credits.purge_positions.history is
'What is purged: payloads, resolved alerts or unmatched callbacks.';
comment on column credits.purge_positions.purged_to is
'Nothing older than this is left to purge; null = nothing was purged yet. Of payloads: when their '
'generation finished.';
comment on column credits.purge_positions.last_user_id is
'Of payloads: the user of the last generation that was looked at.';
comment on column credits.purge_positions.last_generation_id is
'Of payloads: the last generation that was looked at.';

insert into credits.purge_positions (history)
values
('payloads'),
('resolved alerts'),
('unmatched callbacks');
