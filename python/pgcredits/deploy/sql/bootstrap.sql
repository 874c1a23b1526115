-- The deployer's own records. yoyo's tables are exactly those that yoyo 9 would make (its schema
-- version 2), so that the plain yoyo command sees the same history with ?schema=credits_deploy.

create schema credits_deploy;

create table credits_deploy._yoyo_log (
    id varchar(36) primary key,
    migration_hash varchar(64),
    migration_id varchar(255),
    operation varchar(10),
    username varchar(255),
    hostname varchar(255),
    comment varchar(255),
    created_at_utc timestamp
);

create table credits_deploy._yoyo_version (
    version integer not null primary key,
    installed_at_utc timestamp
);

create table credits_deploy._yoyo_migration (
    migration_hash varchar(64) primary key,
    migration_id varchar(255),
    applied_at_utc timestamp
);

create table credits_deploy.yoyo_lock (
    locked integer default 1 primary key,
    ctime timestamp,
    pid integer not null
);

insert into credits_deploy._yoyo_version (version, installed_at_utc)
values (2, now() at time zone 'utc');

create table credits_deploy.manifest (
    kind text not null,
    identity text not null,
    name text not null,
    file text,
    source_sha256 text,
    state jsonb,
    fingerprint text,
    server_major integer not null,
    package_version text not null,
    installed_at timestamptz not null default now(),
    constraint manifest_pkey primary key (kind, identity)
);
comment on table credits_deploy.manifest is
'One row per installed object and per applied migration, as the last deploy left it.';
comment on column credits_deploy.manifest.identity is
'The name by which PostgreSQL finds the object: a function''s has its argument types.';
comment on column credits_deploy.manifest.file is
'The file that defines it; null for what migrations made.';
comment on column credits_deploy.manifest.source_sha256 is
'The sha256 of the file''s bytes as installed.';
comment on column credits_deploy.manifest.state is
'What the fingerprint covers: hash of the definition, owner, grants, options, comments, triggers.';
comment on column credits_deploy.manifest.fingerprint is
'The sha256 of state; pgcredits check compares it with the live object''s.';
comment on column credits_deploy.manifest.server_major is
'The server that printed the definition; another one may print it differently.';

create table credits_deploy.deployments (
    deployment_id bigint generated always as identity,
    package_version text not null,
    server_version text not null default current_setting('server_version'),
    deployed_by text not null default session_user,
    deployed_at timestamptz not null default now(),
    constraint deployments_pkey primary key (deployment_id)
);
comment on table credits_deploy.deployments is
'One row per deploy that changed something.';
