-- What operators have to know.

create type credits.alert_level as enum ('info', 'warning', 'error', 'critical');
comment on type credits.alert_level is
'How urgent an alert is; the order is that of the words.';

create table credits.system_alerts (
    user_id uuid not null,
    alert_id uuid not null,
    level credits.alert_level not null,
    occurrences bigint not null default 1,
    generation_id uuid,
    created_at timestamptz not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    notified_at timestamptz,
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    type text not null,
    dedup_key text not null,
    message text not null,
    provider text,
    acknowledged_by text,
    resolved_by text,
    metadata jsonb not null,
    constraint system_alerts_pkey primary key (user_id, alert_id),
    constraint system_alerts_occurrences_positive check (occurrences > 0),
    constraint system_alerts_type_not_blank check (btrim(type) <> '')
);

create unique index system_alerts_one_open on credits.system_alerts (user_id, type, dedup_key)
where resolved_at is null;

comment on table credits.system_alerts is
'What operators have to know, open and resolved. At most one is open for a user, type and key.';
comment on column credits.system_alerts.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits.system_alerts.alert_id is
'Id of the alert: a uuid v7.';
comment on column credits.system_alerts.level is
'How urgent it is; the highest level that was raised.';
comment on column credits.system_alerts.occurrences is
'How often it was raised while open.';
comment on column credits.system_alerts.generation_id is
'The generation that it is about; null = none.';
comment on column credits.system_alerts.created_at is
'When the row was made.';
comment on column credits.system_alerts.first_seen_at is
'When it was first raised.';
comment on column credits.system_alerts.last_seen_at is
'When it was last raised.';
comment on column credits.system_alerts.notified_at is
'When listeners were last told; null = never.';
comment on column credits.system_alerts.acknowledged_at is
'When somebody took it on; null = nobody has.';
comment on column credits.system_alerts.resolved_at is
'When it was resolved; null = open.';
comment on column credits.system_alerts.type is
'What it is about, e.g. refund_failed.';
comment on column credits.system_alerts.dedup_key is
'What is the same alert again: a generation''s id, a provider, or empty.';
comment on column credits.system_alerts.message is
'A sentence for people. May quote hostile input: show it as text.';
comment on column credits.system_alerts.provider is
'The provider that it is about; null = none.';
comment on column credits.system_alerts.acknowledged_by is
'Who took it on.';
comment on column credits.system_alerts.resolved_by is
'Who or what resolved it.';
comment on column credits.system_alerts.metadata is
'Figures and circumstances.';
