"""``sql``: the whole installation, or an upgrade of a released version, as one plain script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.deploy.manifest import BOOTSTRAP, literal, record_deployment, record_objects
from pgcredits.deploy.roles import MISSING_ROLES, SHARED_ROLES, explain_sharing
from pgcredits.deploy.script_parts import (
    apply_migration,
    begin,
    require_server,
    revoke_strangers,
)
from pgcredits.deploy.session import SCHEMAS
from pgcredits.deploy.upgrade_script import upgrade
from pgcredits.roles import Roles
from pgcredits.sources import read_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pgcredits.sources import Package


def script(
    *,
    create_roles: bool = True,
    role_prefix: str = "",
    share_roles: bool = False,
    from_version: str | None = None,
    root: Path | None = None,
) -> str:
    """The installation for an empty database, for review, psql or a folder of migrations.

    It leaves what ``migrate`` leaves, so that ``check`` finds nothing and ``migrate`` goes on
    from there.

    Args:
        create_roles: Whether missing group roles are created.
        role_prefix: What the names of the group roles begin with; an upgrade leaves them so.
        share_roles: Whether a new installation may use roles that another database uses, too.
        from_version: Not the installation, but the upgrade of one of this released version.
        root: The folder that holds the SQL folders, if not the package's own.

    Raises:
        RefusedError: The version is unknown, or this can be no prefix.
        SourcesError: The SQL files are incomplete or contradict each other.
    """
    package = read_package(root)
    roles = Roles(role_prefix)
    if from_version is not None:
        parts = upgrade(package, from_version, roles)
    else:
        parts = _installation(package, create_roles=create_roles, share_roles=share_roles)
    return roles.in_text("\n".join(parts))


def _installation(package: Package, *, create_roles: bool, share_roles: bool) -> Iterator[str]:
    yield from begin(f"pgcredits {package.version}: the whole installation, for an empty database.")
    yield f"set local pgcredits.create_roles to {'on' if create_roles else 'off'};"
    yield f"set local pgcredits.share_roles to {'on' if share_roles else 'off'};"
    yield require_server()
    yield _require_free_schemas()
    yield _provide_roles()
    yield BOOTSTRAP
    for migration in package.migrations:
        yield apply_migration(migration)
    for definition in package.definitions:
        yield f"-- {definition.path}\n"
        yield definition.sql
    yield revoke_strangers()
    yield "-- What was installed, so that pgcredits check can tell what has changed since.\n"
    yield record_objects(None, package.definitions)
    yield record_deployment()
    yield "commit;\n"


def _require_free_schemas() -> str:
    schemas = ", ".join(literal(schema) for schema in SCHEMAS)
    return f"""
do $pgcredits$
declare
    v_taken text;
begin
    select string_agg(n.nspname, ', ' order by n.nspname) into v_taken
    from pg_namespace as n
    where n.nspname in ({schemas});

    if exists (
        select from pg_class as c
        inner join pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = 'credits_deploy' and c.relname = 'manifest'
    ) then
        raise exception using
            message = 'pgcredits is installed already',
            hint = 'Use pgcredits migrate, or the script of pgcredits sql --from.';
    elsif v_taken is not null then
        raise exception using
            message = format('schema %s exists, and pgcredits did not make it', v_taken),
            hint = 'Rename or drop it, or use another database.';
    elsif not has_database_privilege(current_database(), 'create') then
        raise exception using
            message = format('%I may not create schemas in %I', current_user, current_database()),
            hint = format(
                'Have a DBA run: grant create on database %I to %I;',
                current_database(),
                current_user
            );
    end if;
end
$pgcredits$;
"""  # noqa: S608


def _provide_roles() -> str:
    """Do what ``require_own_roles`` and ``provide_roles`` do in a deploy."""
    message, hint = explain_sharing("%s")
    return f"""
do $pgcredits$
declare
    v_databases text;
    v_statements text;
    v_statement text;
    v_allowed boolean;
begin
    select string_agg(distinct shared.database, ', ') into v_databases
    from (
{SHARED_ROLES}
    ) as shared;

    if v_databases is not null and current_setting('pgcredits.share_roles') = 'off' then
        raise exception using
            message = format({literal(message)}, v_databases),
            hint = {literal(hint)};
    end if;

    select
        string_agg(missing.statement, '; '),
        bool_and(missing.allowed)
    into
        v_statements,
        v_allowed
    from (
{MISSING_ROLES}
    ) as missing
    where
        missing.is_needed
        or (missing.allowed and current_setting('pgcredits.create_roles') = 'on');

    if v_statements is null then
        return;
    elsif not v_allowed then
        raise exception using
            message = 'the roles of pgcredits are missing, and this user may not create them',
            hint = format(
                'Have a DBA run: %s; grant credits_app, credits_analyst, credits_operator to %I'
                ' with admin option;',
                v_statements,
                current_user
            );
    elsif current_setting('pgcredits.create_roles') = 'off' then
        raise exception using
            message = 'the roles of pgcredits are missing, and creating them was not wanted',
            hint = format('Have a DBA run: %s;', v_statements);
    end if;

    foreach v_statement in array string_to_array(v_statements, '; ') loop
        begin
            execute v_statement;
        exception
            -- A deploy to another database of the server may create the role at this moment.
            when duplicate_object or unique_violation then
                null;
        end;
    end loop;
end
$pgcredits$;
"""  # noqa: S608
