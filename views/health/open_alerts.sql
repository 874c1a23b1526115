-- The alerts that are open: what operators have to look at.

create or replace view credits_monitoring.open_alerts as
select
    a.type,
    a.level,
    a.message,
    a.user_id,
    a.provider,
    a.occurrences,
    a.first_seen_at,
    a.last_seen_at,
    a.acknowledged_by,
    a.alert_id,
    a.dedup_key,
    a.generation_id,
    a.acknowledged_at,
    a.notified_at,
    x.external_id as external_user_id
from credits.system_alerts as a
left join credits.external_users as x on a.user_id = x.user_id
where a.resolved_at is null;

comment on view credits_monitoring.open_alerts is
'One row per open alert. Messages may quote hostile input: show them as text.';
comment on column credits_monitoring.open_alerts.type is 'What it is about: see alert_rules.';
comment on column credits_monitoring.open_alerts.level is
'How urgent it is: info, warning, error or critical.';
comment on column credits_monitoring.open_alerts.message is 'What happened.';
comment on column credits_monitoring.open_alerts.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits_monitoring.open_alerts.provider is
'The provider that it is about; null = none.';
comment on column credits_monitoring.open_alerts.occurrences is
'How often it was raised while open.';
comment on column credits_monitoring.open_alerts.first_seen_at is 'When it was first raised.';
comment on column credits_monitoring.open_alerts.last_seen_at is
'When it was last raised, or what it says last changed.';
comment on column credits_monitoring.open_alerts.acknowledged_by is
'Who has acknowledged it; null = nobody.';
comment on column credits_monitoring.open_alerts.alert_id is
'The alert: acknowledge_alert and resolve_alert take it with user_id.';
comment on column credits_monitoring.open_alerts.dedup_key is
'Tells it from others of its user and type: a generation''s id, a provider, or empty.';
comment on column credits_monitoring.open_alerts.generation_id is
'The generation that it is about; null = none.';
comment on column credits_monitoring.open_alerts.acknowledged_at is 'When it was acknowledged.';
comment on column credits_monitoring.open_alerts.notified_at is
'When listeners were last told of it.';
comment on column credits_monitoring.open_alerts.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.open_alerts from public;
grant select on credits_monitoring.open_alerts to credits_analyst;
