-- Generations that should have finished by now.

create or replace view credits_monitoring.stuck_generations as
select
    g.user_id,
    g.generation_id,
    g.provider,
    g.status,
    g.deadline_at,
    extract(epoch from now() - g.deadline_at)::bigint as overdue_seconds,
    x.external_id as external_user_id
from credits.generations as g
left join credits.external_users as x on g.user_id = x.user_id
where
    g.finished_at is null
    and g.deadline_at < now();

comment on view credits_monitoring.stuck_generations is
'One row per generation in flight past its deadline: sweep_stuck_generations times it out and '
'gives the credits back.';
comment on column credits_monitoring.stuck_generations.user_id is 'Who paid.';
comment on column credits_monitoring.stuck_generations.generation_id is 'The generation.';
comment on column credits_monitoring.stuck_generations.provider is 'Who should be doing the work.';
comment on column credits_monitoring.stuck_generations.status is
'Where it stands: pending or processing.';
comment on column credits_monitoring.stuck_generations.deadline_at is
'When it should have finished.';
comment on column credits_monitoring.stuck_generations.overdue_seconds is
'Seconds since deadline_at.';
comment on column credits_monitoring.stuck_generations.external_user_id is
'The user''s id in the application, as registered; null = not registered.';

revoke all on credits_monitoring.stuck_generations from public;
grant select on credits_monitoring.stuck_generations to credits_analyst;
