"""``sql``: the whole installation as one plain SQL script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.connections import OLDEST_SERVER
from pgcredits.deploy.manifest import (
    BOOTSTRAP,
    INVENTORY,
    literal,
    record_deployment,
    record_migration,
    record_objects,
)
from pgcredits.deploy.preconditions import UNENCODED
from pgcredits.deploy.session import PINNED_SETTINGS, SCHEMAS
from pgcredits.sources import read_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgcredits.sources import Migration, Package


def script(*, create_roles: bool = True, root: Path | None = None) -> str:
    """The installation for an empty database, for review, psql or a folder of migrations.

    It leaves what ``migrate`` leaves, so that ``check`` finds nothing and ``migrate`` goes on
    from there.

    Args:
        create_roles: Whether missing group roles are created.
        root: The folder that holds the SQL folders, if not the package's own.

    Raises:
        SourcesError: The SQL files are incomplete or contradict each other.
    """
    return "\n".join(_parts(read_package(root), create_roles=create_roles))


def _parts(package: Package, *, create_roles: bool) -> Iterator[str]:
    yield f"-- pgcredits {package.version}: the whole installation, for an empty database."
    yield f"-- PostgreSQL {OLDEST_SERVER} or newer; written by `pgcredits sql`.\n"
    yield "begin;\n"
    for name, value in PINNED_SETTINGS.items():
        yield f"set local {name} to {value if name == 'search_path' else literal(value)};"
    yield f"set local pgcredits.create_roles to {'on' if create_roles else 'off'};"
    yield _preconditions()
    yield BOOTSTRAP
    for migration in package.migrations:
        yield f"-- {migration.path}\n"
        yield migration.sql
        yield _record(migration)
    for definition in package.definitions:
        yield f"-- {definition.path}\n"
        yield definition.sql
    yield _revoke_strangers()
    yield "-- What was installed, so that pgcredits check can tell what has changed since.\n"
    yield record_objects(None, package.definitions)
    yield record_deployment()
    yield "commit;\n"


def _preconditions() -> str:
    schemas = ", ".join(literal(schema) for schema in SCHEMAS)
    message, hint = UNENCODED
    return f"""
do $pgcredits$
begin
    if current_setting('server_version_num')::integer < {OLDEST_SERVER}0000 then
        raise exception 'pgcredits needs PostgreSQL {OLDEST_SERVER} or newer';
    end if;
    if getdatabaseencoding() = 'SQL_ASCII' then
        raise exception using message = {literal(message)}, hint = {literal(hint)};
    end if;
    if exists (select from pg_namespace where nspname in ({schemas})) then
        raise exception 'pgcredits is installed already: use pgcredits migrate';
    end if;
end
$pgcredits$;
"""


def _record(migration: Migration) -> str:
    name, digest = literal(migration.name), literal(migration.yoyo.hash)
    return f"""
insert into credits_deploy._yoyo_migration (migration_hash, migration_id, applied_at_utc)
values ({digest}, {name}, clock_timestamp() at time zone 'utc');

insert into credits_deploy._yoyo_log (
    id, migration_hash, migration_id, operation, username, hostname, created_at_utc
)
values (
    gen_random_uuid()::text, {digest}, {name}, 'apply', session_user, '',
    clock_timestamp() at time zone 'utc'
);
{record_migration(migration)}"""  # noqa: S608


def _revoke_strangers() -> str:
    """What ``grants.of_strangers`` does in a deploy: undo a DBA's default privileges."""
    return f"""
do $pgcredits$
declare
    v_statement text;
begin
    for v_statement in
        select
            format(
                'revoke %s on %s %s from %s cascade',
                split_part(e.entry, ' to ', 1),
                case live.kind
                    when 'view' then 'table'
                    when 'function' then 'routine'
                    else live.kind
                end,
                live.identity,
                regexp_replace(split_part(e.entry, ' to ', 2), ' with grant option$', '')
            )
        from (
{INVENTORY}
        ) as live
        cross join lateral jsonb_array_elements_text(live.grants || live.kept_grants) as e (entry)
        where
            e.entry !~ ' to (credits_app|credits_analyst|credits_operator)( with grant option)?$'
            and not (live.kind = 'type' and e.entry = 'usage to public')
    loop
        execute v_statement;
    end loop;
end
$pgcredits$;
"""  # noqa: S608
