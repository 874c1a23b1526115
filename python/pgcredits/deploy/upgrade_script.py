"""``sql --from``: the upgrade of a released version as one plain SQL script.

It does with PL/pgSQL what ``migrate`` does: pending migrations, every function and view of this
version over those of the old one, what is gone dropped, all of it recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.deploy.definitions import DEPENDANTS
from pgcredits.deploy.manifest import (
    INVENTORY,
    REMEMBER_ROLES,
    literal,
    record_deployment,
    record_objects,
)
from pgcredits.deploy.script_parts import (
    apply_migration,
    begin,
    require_server,
    revoke_strangers,
)
from pgcredits.errors import RefusedError
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgcredits.roles import Roles
    from pgcredits.sources import Definition, Migration, Package

#: The last migration of each released version.
RELEASED = {"0.1.0": "0008-adoption"}

_HELPERS = read_sql(__package__, "upgrade_helpers.sql")

_DEPENDANTS = f"""
create function pg_temp.dependants(p_kind text, p_identity text)
returns table (kind text, identity text)
language sql
as $dependants$
{DEPENDANTS.replace("%(kind)s", "p_kind").replace("%(identity)s", "p_identity")}
$dependants$;
"""

_BEFORE = f"""
create temporary table before_upgrade on commit drop as
select
    live.*,
    false as is_dropped
from (
{INVENTORY}
) as live;
"""  # noqa: S608

_AFTER = f"""
create temporary table after_upgrade on commit drop as
{INVENTORY};
"""

#: A grant that was there before the upgrade stays.
_WAS_THERE = """exists (
                select from pg_temp.before_upgrade as b
                where
                    b.kind = live.kind
                    and b.identity = live.identity
                    and (b.grants || b.kept_grants) ? e.entry
            )"""

#: What was there before and has no file stays as recorded: a change by hand, and what is not ours.
_IS_NEW = """f.file is not null
    or not exists (
        select from pg_temp.before_upgrade as b
        where
            b.kind = live.kind
            and b.identity = live.identity
            and b.fingerprint = live.fingerprint
    )"""

_END = """
delete from credits_deploy.manifest as m
where
    exists (
        select from pg_temp.before_upgrade as b
        where b.kind = m.kind and b.identity = m.identity
    )
    and not exists (
        select from pg_temp.after_upgrade as a
        where a.kind = m.kind and a.identity = m.identity
    );

drop procedure pg_temp.drop_triggers;
drop procedure pg_temp.replace_definition;
drop procedure pg_temp.drop_all_but;
drop procedure pg_temp.drop_definition;
drop procedure pg_temp.restore_grants;
drop function pg_temp.dependants;
"""


def upgrade(package: Package, version: str, roles: Roles) -> Iterator[str]:
    """The parts of the script, with the roles' plain names.

    Raises:
        RefusedError: No such version was released.
    """
    if version not in RELEASED:
        raise RefusedError(
            f'there is no script for an upgrade from "{version}"',
            f"There is one from: {', '.join(RELEASED)}. pgcredits migrate upgrades any version.",
        )
    last = RELEASED[version]
    yield from begin(f"pgcredits {package.version}: the upgrade of a database of {version}.")
    yield "set local pgcredits.create_roles to 'off';"
    # Traffic queues behind a lock that is waited for: rather fail, and be run again.
    yield "set local lock_timeout to '5s';"
    yield require_server()
    yield _require_version(version, (m for m in package.migrations if m.name <= last), roles)
    yield _BEFORE
    yield _DEPENDANTS
    yield _HELPERS
    yield REMEMBER_ROLES
    for migration in package.migrations:
        if migration.name > last:
            yield apply_migration(migration)
    yield "call pg_temp.drop_triggers();\n"
    yield from map(_replace, package.definitions)
    names = ", ".join(literal(definition.name) for definition in package.definitions)
    yield f"call pg_temp.drop_all_but(array[{names}]);\n"
    yield revoke_strangers(but=_WAS_THERE)
    yield "call pg_temp.restore_grants();\n"
    yield "-- What is installed now, so that pgcredits check can tell what has changed since.\n"
    yield _AFTER
    live = "select a.* from pg_temp.after_upgrade as a"
    yield record_objects(None, package.definitions, inventory=live, chosen=_IS_NEW)
    yield _END
    yield record_deployment()
    yield "commit;\n"


def _require_version(version: str, migrations: Iterable[Migration], roles: Roles) -> str:
    """Refuse another database than one of that version, and act as its owner."""
    names, hashes = zip(*((literal(m.name), literal(m.sha256)) for m in migrations), strict=True)
    return rf"""
do $pgcredits$
declare
    v_owner text;
    v_names text[] := array[{", ".join(names)}];
    v_hashes text[] := array[{", ".join(hashes)}];
begin
    select pg_get_userbyid(n.nspowner) into v_owner
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = 'credits_deploy' and c.relname = 'manifest';

    if v_owner is null then
        raise exception using
            message = 'pgcredits is not installed in this database',
            hint = 'The script of pgcredits sql without --from installs it.';
    end if;

    begin
        perform set_config('role', v_owner, true) where current_user <> v_owner;
    exception
        when insufficient_privilege then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('this installation belongs to %s', v_owner),
                hint = format('Connect as %s, as a member of it, or as a superuser.', v_owner);
    end;

    -- Deploys meet on this table; calls that write, which begin with their user's row, wait.
    lock table credits_deploy.yoyo_lock in exclusive mode;
    if to_regclass('credits.user_credits') is not null then
        lock table credits.user_credits in exclusive mode;
    end if;

    if v_names is distinct from array(
        select h.migration_id::text
        from credits_deploy._yoyo_migration as h
        order by h.migration_id collate "C"
    ) then
        raise exception using
            message = {literal(f"this is no database of pgcredits {version}")},
            hint = 'See pgcredits check; pgcredits migrate upgrades any version.';
    elsif exists (
        select from unnest(v_names, v_hashes) as f (name, source_sha256)
        where not exists (
            select from credits_deploy.manifest as m
            where
                m.kind = 'migration'
                and m.name = f.name
                and m.source_sha256 = f.source_sha256
        )
    ) then
        raise exception 'a migration was edited after it was applied: see pgcredits check';
    elsif {literal(roles.prefix)} <> coalesce(
        -- In two parts, so that no prefix is put before it here.
        substring(
            obj_description(to_regnamespace('credits_deploy'), 'pg_namespace')
            from '([a-z0-9_]*)credits_' || 'app\M'
        ),
        ''
    ) then
        raise exception using
            message = 'the roles of this installation have another prefix',
            hint = 'Say which by --role-prefix; pgcredits migrate can replace them.';
    end if;
end
$pgcredits$;
"""  # noqa: S608


def _replace(definition: Definition) -> str:
    """The file, as a text that is run."""
    kind, name = literal(definition.kind), literal(definition.name)
    return f"""-- {definition.path}

call pg_temp.replace_definition({kind}, {name}, $pgcredits_file$
{definition.sql}
$pgcredits_file$);
"""
