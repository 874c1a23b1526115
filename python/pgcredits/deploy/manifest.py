"""What was installed (the manifest), and what is there now (the inventory)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

import pgcredits
from pgcredits.deploy.session import scalar
from pgcredits.roles import read_roles
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgcredits.deploy.session import Connection
    from pgcredits.sources import Definition, Migration

#: Kind and identity: what PostgreSQL needs to find an object.
Key = tuple[str, str]


#: Makes a comment that names a role: to be given its whole name.
REMEMBER_ROLES = read_sql(__package__, "remember_roles.sql")
BOOTSTRAP = f"{read_sql(__package__, 'bootstrap.sql')}\n{REMEMBER_ROLES}"
INVENTORY = read_sql(__package__, "inventory.sql")


@dataclass(frozen=True, kw_only=True)
class _Object:
    """What the inventory and the manifest both say of an object."""

    kind: str
    identity: str
    name: str
    state: dict[str, Any]
    fingerprint: str

    @property
    def key(self) -> Key:
        """Kind and identity."""
        return self.kind, self.identity


@dataclass(frozen=True, kw_only=True)
class Live(_Object):
    """An object as it is in the database."""

    grants: tuple[str, ...]
    kept_grants: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recorded(_Object):
    """An object as the last deploy left it."""

    file: str | None
    source_sha256: str | None
    server_major: int


@dataclass(frozen=True)
class Installed:
    """The manifest and yoyo's history."""

    objects: dict[Key, Recorded]
    migrations: dict[str, str]
    history: tuple[str, ...]
    versions: tuple[str, ...]
    owner: str


def is_installed(conn: Connection) -> bool:
    """Whether the manifest is there."""
    found = scalar(
        conn,
        """
        select exists (
            select from pg_catalog.pg_class as c
            inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
            where n.nspname = 'credits_deploy' and c.relname = 'manifest'
        )
        """,
    )
    return bool(found)


def read_installed(conn: Connection) -> Installed:
    """Read the records of a database where there are some."""
    rows = conn.execute("select m.* from credits_deploy.manifest as m order by m.kind, m.identity")
    objects: dict[Key, Recorded] = {}
    migrations: dict[str, str] = {}
    for row in rows:
        if row.kind == "migration":
            migrations[row.name] = row.source_sha256
        else:
            objects[row.kind, row.identity] = Recorded(
                kind=row.kind,
                identity=row.identity,
                name=row.name,
                state=row.state,
                fingerprint=row.fingerprint,
                file=row.file,
                source_sha256=row.source_sha256,
                server_major=row.server_major,
            )
    history = conn.execute(
        "select h.migration_id from credits_deploy._yoyo_migration as h order by h.migration_id"
    )
    versions = conn.execute(
        "select distinct d.package_version from credits_deploy.deployments as d"
    )
    owner = scalar(
        conn,
        """
        select pg_catalog.pg_get_userbyid(n.nspowner) from pg_catalog.pg_namespace as n
        where n.nspname = 'credits_deploy'
        """,
    )
    return Installed(
        objects,
        migrations,
        tuple(row[0] for row in history),
        tuple(row[0] for row in versions),
        owner,
    )


def read_live(conn: Connection) -> dict[Key, Live]:
    """Take the inventory of our schemas, with the roles that the database remembers."""
    rows = conn.execute(read_roles(conn).in_text(INVENTORY).encode())
    found = (
        Live(
            kind=row.kind,
            identity=row.identity,
            name=row.name,
            state=row.state,
            fingerprint=row.fingerprint,
            grants=tuple(row.grants),
            kept_grants=tuple(row.kept_grants),
        )
        for row in rows
    )
    return {live.key: live for live in found}


def record_objects(
    keys: Iterable[Key] | None,
    definitions: Iterable[Definition] = (),
    *,
    inventory: str = INVENTORY,
    chosen: str = "true",
) -> str:
    """The statement that records objects in the manifest as they are now.

    Args:
        keys: Which ones; None means all there are.
        definitions: The files that some of them were just made from.
        inventory: A query that finds what there is.
        chosen: A condition for those, where there are no keys.
    """
    files = [
        {"kind": d.kind, "name": d.name, "file": d.path, "source_sha256": d.sha256}
        for d in definitions
    ]
    if keys is not None:
        wanted = [{"kind": kind, "identity": identity} for kind, identity in keys]
        chosen = f"""(live.kind, live.identity) in (
            select k.kind, k.identity
            from jsonb_to_recordset({_json(wanted)}) as k (kind text, identity text)
        )"""  # noqa: S608
    return f"""
insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, state, fingerprint, server_major, package_version
)
select
    live.kind,
    live.identity,
    live.name,
    f.file,
    f.source_sha256,
    live.state,
    live.fingerprint,
    {_SERVER_MAJOR},
    {literal(pgcredits.__version__)}
from (
{inventory}
) as live
left join
    jsonb_to_recordset({_json(files)})
        as f (kind text, name text, file text, source_sha256 text)
    on live.kind = f.kind and live.name = f.name
where {chosen}
on conflict (kind, identity) do update
set
    file = coalesce(excluded.file, manifest.file),
    source_sha256 = coalesce(excluded.source_sha256, manifest.source_sha256),
    state = excluded.state,
    fingerprint = excluded.fingerprint,
    server_major = excluded.server_major,
    package_version = excluded.package_version,
    installed_at = excluded.installed_at
where
    row(manifest.fingerprint, manifest.server_major, manifest.file, manifest.source_sha256)
    is distinct from row(
        excluded.fingerprint,
        excluded.server_major,
        coalesce(excluded.file, manifest.file),
        coalesce(excluded.source_sha256, manifest.source_sha256)
    );
"""  # noqa: S608


def record_migration(migration: Migration) -> str:
    """The statement that records a migration's content."""
    return f"""
insert into credits_deploy.manifest (
    kind, identity, name, file, source_sha256, server_major, package_version
)
values (
    'migration',
    {literal(migration.name)},
    {literal(migration.name)},
    {literal(migration.path)},
    {literal(migration.sha256)},
    {_SERVER_MAJOR},
    {literal(pgcredits.__version__)}
);
"""  # noqa: S608


def record_deployment() -> str:
    """The statement that records that this version of the package was deployed."""
    version = literal(pgcredits.__version__)
    return f"insert into credits_deploy.deployments (package_version) values ({version});\n"  # noqa: S608


def forget(conn: Connection, keys: Iterable[Key]) -> None:
    """Remove objects from the manifest."""
    for kind, identity in keys:
        conn.execute(
            "delete from credits_deploy.manifest as m where m.kind = %s and m.identity = %s",
            [kind, identity],
        )


def literal(value: str) -> str:
    """A string as SQL text."""
    return sql.Literal(value).as_string()


def _json(value: list[dict[str, str]]) -> str:
    return literal(json.dumps(value)) + "::jsonb"


_SERVER_MAJOR = "current_setting('server_version_num')::integer / 10000"
