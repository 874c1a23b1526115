"""Parts that the script of an installation and that of an upgrade have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.connections import OLDEST_SERVER
from pgcredits.deploy.manifest import INVENTORY, literal, record_migration
from pgcredits.deploy.preconditions import UNENCODED
from pgcredits.deploy.session import PINNED_SETTINGS
from pgcredits.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgcredits.sources import Migration


def begin(title: str) -> Iterator[str]:
    """The first lines: what it is, and the settings on which definitions depend."""
    yield f"-- {title}"
    yield f"-- PostgreSQL {OLDEST_SERVER} or newer; written by `pgcredits sql`.\n"
    yield "begin;\n"
    for name, value in PINNED_SETTINGS.items():
        yield f"set local {name} to {value if name == 'search_path' else literal(value)};"


def require_server() -> str:
    """Refuse a server or an encoding that a deploy refuses."""
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
end
$pgcredits$;
"""


def apply_migration(migration: Migration) -> str:
    """Run a migration, and record it in yoyo's history and in the manifest."""
    name, digest = literal(migration.name), literal(migration.yoyo.hash)
    return f"""-- {migration.path}

{migration.sql}
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


def revoke_strangers(but: str = "false") -> str:
    """What ``grants.of_strangers`` does in a deploy: undo a DBA's default privileges.

    Args:
        but: A condition for grants (``e.entry`` on ``live``) that were there before, and stay.
    """
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
            e.entry !~ ' to ({"|".join(ROLES)})( with grant option)?$'
            and not (live.kind = 'type' and e.entry = 'usage to public')
            and not ({but})
    loop
        execute v_statement;
    end loop;
end
$pgcredits$;
"""  # noqa: S608
