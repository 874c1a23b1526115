-- What is installed here, and from which files.

create or replace view credits_monitoring.schema_inventory as
select
    m.kind,
    m.name,
    m.source_sha256,
    m.installed_at,
    m.package_version
from credits_deploy.manifest as m;

comment on view credits_monitoring.schema_inventory is
'One row per installed object and per applied migration. pgcredits check compares these rows with '
'the objects in the database.';
comment on column credits_monitoring.schema_inventory.kind is
'migration, function, view, table, constraint, ...';
comment on column credits_monitoring.schema_inventory.name is 'Name of the object or migration.';
comment on column credits_monitoring.schema_inventory.source_sha256 is
'sha256 of the file that it came from, in hexadecimal; null for what migrations made.';
comment on column credits_monitoring.schema_inventory.installed_at is
'When it was last installed.';
comment on column credits_monitoring.schema_inventory.package_version is
'The pgcredits that installed it.';

revoke all on credits_monitoring.schema_inventory from public;
grant select on credits_monitoring.schema_inventory to credits_analyst;
