-- Nobody waits for an alert that somebody holds locked, or for a lock that anybody can take.

-- A task's row in provider_tasks is where its attachment and its early callbacks meet.

-- A callback that comes before its task is attached makes the row: it is nobody's until then.
alter table credits.provider_tasks
alter column user_id drop not null,
alter column generation_id drop not null,
add constraint provider_tasks_attached_to_a_generation check (
    (user_id is null) = (generation_id is null)
) not valid;

insert into credits.provider_tasks (provider, provider_task_id, created_at)
select
    c.provider,
    c.provider_task_id,
    min(c.received_at) as created_at
from credits.provider_callbacks as c
group by
    c.provider,
    c.provider_task_id
on conflict do nothing;

comment on table credits.provider_tasks is
'How a provider''s callback finds its generation. The row is made by whichever comes first, the '
'attachment of the task or a callback.';
comment on column credits.provider_tasks.user_id is
'The user whose generation it is; null = nobody has attached the task yet.';
comment on column credits.provider_tasks.generation_id is
'The generation that the task belongs to; null = nobody has attached the task yet.';
comment on column credits.provider_tasks.created_at is
'When the task was attached; of one that is not attached: when its first callback came.';

-- A call that cannot write to an alert, because somebody holds it locked, leaves here what it had
-- to say, and check_alerts writes it later.
create table credits.waiting_alerts (
    user_id uuid not null,
    waiting_id uuid not null,
    created_at timestamptz not null,
    generation_id uuid,
    level credits.alert_level,
    type text not null,
    dedup_key text not null,
    provider text,
    message text,
    metadata jsonb,
    constraint waiting_alerts_pkey primary key (user_id, waiting_id)
);

comment on table credits.waiting_alerts is
'What calls had to say of alerts that somebody held locked at that moment. The next check_alerts '
'writes it to system_alerts and removes it from here.';
comment on column credits.waiting_alerts.user_id is
'Whom the alert is about; the nil uuid = the platform.';
comment on column credits.waiting_alerts.waiting_id is
'Id of the row: a uuid v7.';
comment on column credits.waiting_alerts.created_at is
'When the call had it to say.';
comment on column credits.waiting_alerts.generation_id is
'The generation that the alert is about; null = none.';
comment on column credits.waiting_alerts.level is
'How urgent it is; null = as the rule of the type says.';
comment on column credits.waiting_alerts.type is
'What the alert is about, e.g. refund_failed.';
comment on column credits.waiting_alerts.dedup_key is
'Tells the alert from others of its user and type: a generation''s id, a provider, or empty.';
comment on column credits.waiting_alerts.provider is
'The provider that the alert is about; null = none.';
comment on column credits.waiting_alerts.message is
'A sentence for people; null = the cause of the alert is gone, and it is to be resolved.';
comment on column credits.waiting_alerts.metadata is
'Figures and circumstances, as a JSON object; null where message is.';

-- A NOTIFY names an alert by its id alone.
create index system_alerts_alert_id on credits.system_alerts (alert_id);
