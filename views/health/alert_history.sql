-- Every alert, with the times at which it was opened, announced, acknowledged and resolved.

create or replace view credits_monitoring.alert_history as
select
    a.user_id,
    a.alert_id,
    a.type,
    a.level::text as level,
    a.message,
    a.dedup_key,
    a.generation_id,
    a.provider,
    a.occurrences,
    a.created_at,
    a.first_seen_at,
    a.last_seen_at,
    a.notified_at,
    a.acknowledged_at,
    a.acknowledged_by,
    a.resolved_at,
    a.resolved_by,
    x.external_id as external_user_id
from credits.system_alerts as a
left join credits.external_users as x on a.user_id = x.user_id;

comment on view credits_monitoring.alert_history is
'One row per alert, open or resolved. pgcredits alerts reads it, and so may any relay of your own: '
'what is new has a later created_at, notified_at or resolved_at.';
comment on column credits_monitoring.alert_history.user_id is
'Whom it is about; the nil uuid = the platform.';
comment on column credits_monitoring.alert_history.alert_id is 'Id of the alert.';
comment on column credits_monitoring.alert_history.type is
'What it is about, e.g. refund_failed.';
comment on column credits_monitoring.alert_history.level is
'How urgent it is: info, warning, error or critical; the highest level that was raised.';
comment on column credits_monitoring.alert_history.message is
'A sentence for people. May quote hostile input: show it as text.';
comment on column credits_monitoring.alert_history.dedup_key is
'Tells it from others of its user and type: a generation''s id, a provider, or empty.';
comment on column credits_monitoring.alert_history.generation_id is
'The generation that it is about; null = none.';
comment on column credits_monitoring.alert_history.provider is
'The provider that it is about; null = none.';
comment on column credits_monitoring.alert_history.occurrences is
'How often it was raised while open.';
comment on column credits_monitoring.alert_history.created_at is
'When it was opened.';
comment on column credits_monitoring.alert_history.first_seen_at is
'When it was first raised.';
comment on column credits_monitoring.alert_history.last_seen_at is
'When it was last raised, or what it says last changed.';
comment on column credits_monitoring.alert_history.notified_at is
'When listeners were last told that it is open: it was opened, escalated or due again then.';
comment on column credits_monitoring.alert_history.acknowledged_at is
'When somebody acknowledged it; null = nobody has.';
comment on column credits_monitoring.alert_history.acknowledged_by is
'Who acknowledged it.';
comment on column credits_monitoring.alert_history.resolved_at is
'When it was resolved; null = it is open.';
comment on column credits_monitoring.alert_history.resolved_by is
'Who or what resolved it; pgcredits = its cause was gone.';
comment on column credits_monitoring.alert_history.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.alert_history from public;
grant select on credits_monitoring.alert_history to credits_analyst;
