-- Who still writes by the names of an older system.

create or replace view credits_monitoring.legacy_writers as
select
    w.application,
    w.role_name,
    w.written_as,
    w.statement,
    sum(w.writes)::bigint as writes,
    count(*) as users,
    min(w.first_written_at) as first_written_at,
    max(w.last_written_at) as last_written_at
from credits.legacy_writes as w
group by
    w.application,
    w.role_name,
    w.written_as,
    w.statement;

comment on view credits_monitoring.legacy_writers is
'One row per application, role, old name and kind of statement that wrote through what pgcredits '
'adopt compat has made: the call sites that are still to be moved.';
comment on column credits_monitoring.legacy_writers.application is
'The application_name of its sessions; unnamed = they had none.';
comment on column credits_monitoring.legacy_writers.role_name is 'The role of its sessions.';
comment on column credits_monitoring.legacy_writers.written_as is
'The table or function, as the application names it.';
comment on column credits_monitoring.legacy_writers.statement is
'insert, update, delete, or call.';
comment on column credits_monitoring.legacy_writers.writes is
'How many rows it wrote, or how often it called.';
comment on column credits_monitoring.legacy_writers.users is 'For how many users.';
comment on column credits_monitoring.legacy_writers.first_written_at is 'When it first did.';
comment on column credits_monitoring.legacy_writers.last_written_at is 'When it last did.';

revoke all on credits_monitoring.legacy_writers from public;
grant select on credits_monitoring.legacy_writers to credits_analyst;
