-- Applications that go on to write by the names of their older system: who they are, and what they
-- write.

create table credits.legacy_writes (
    user_id uuid not null,
    writes bigint not null,
    first_written_at timestamptz not null,
    last_written_at timestamptz not null,
    application text not null,
    role_name text not null,
    written_as text not null,
    statement text not null,
    constraint legacy_writes_pkey primary key (
        user_id, application, role_name, written_as, statement
    )
) with (fillfactor = 70);

comment on table credits.legacy_writes is
'How often each application still wrote by the names of an older system, for each user apart, so '
'that nobody waits for another user''s count.';
comment on column credits.legacy_writes.user_id is
'Whose credits, or whose row, was written.';
comment on column credits.legacy_writes.writes is
'How often.';
comment on column credits.legacy_writes.first_written_at is
'When that began.';
comment on column credits.legacy_writes.last_written_at is
'When it happened last.';
comment on column credits.legacy_writes.application is
'The application_name of the session; unnamed = it had none.';
comment on column credits.legacy_writes.role_name is
'The role of the session.';
comment on column credits.legacy_writes.written_as is
'The table or function, as the application names it.';
comment on column credits.legacy_writes.statement is
'insert, update, delete, or call.';

create type credits_internal.legacy_bucket as (
    credits_before bigint,
    credits_after bigint,
    is_expiring boolean,
    is_monthly boolean,
    part_of integer,
    expires_at timestamptz,
    priority integer,
    unit_price_usd numeric
);
comment on type credits_internal.legacy_bucket is
'A column with credits that was written: before and after, which lots it shows (is_expiring: null '
'= all), whether its credits come each month, and the place of the bucket that includes it.';
