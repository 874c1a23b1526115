"""Grants as the inventory writes them ("select (day) to bob"), made into statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.deploy.session import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgcredits.deploy.manifest import Live
    from pgcredits.deploy.session import Connection
    from pgcredits.roles import Roles

_OBJECT_WORDS = {
    "schema": "schema",
    "table": "table",
    "view": "table",
    "sequence": "sequence",
    "type": "type",
    "function": "routine",
}
_WITH_OPTION = " with grant option"

#: Grants that PostgreSQL itself gives to a new object, and that it may keep.
_BUILT_IN = {"type": "usage to public"}


def grant(kind: str, identity: str, entry: str) -> str:
    """The statement that grants an entry."""
    privileges, _, grantee = entry.partition(" to ")
    return f"grant {privileges} on {_OBJECT_WORDS[kind]} {identity} to {grantee}"


def revoke(kind: str, identity: str, entry: str) -> str:
    """The statement that revokes an entry, and the grants that its holder passed on."""
    privileges, _, grantee = entry.removesuffix(_WITH_OPTION).partition(" to ")
    return f"revoke {privileges} on {_OBJECT_WORDS[kind]} {identity} from {grantee} cascade"


def describe(name: str, entry: str) -> str:
    """An entry with its object's name in it, for people."""
    return entry.replace(" to ", f" on {name} to ", 1)


def list_kept(live: Iterable[Live]) -> tuple[str, ...]:
    """The grants by which roles that are not ours may read our views and tables."""
    return tuple(describe(found.name, entry) for found in live for entry in found.kept_grants)


def moved(entry: str, roles: Roles, to: Roles) -> str:
    """An entry of one of these roles as the other installation's of the same kind has it."""
    privileges, _, grantee = entry.removesuffix(_WITH_OPTION).partition(" to ")
    if grantee not in roles.names:
        return entry
    option = _WITH_OPTION if entry.endswith(_WITH_OPTION) else ""
    return f"{privileges} to {to.names[roles.names.index(grantee)]}{option}"


def of_strangers(live: Live, roles: Roles) -> list[str]:
    """The grants on a new object that no file of ours gave: a DBA's default privileges did."""
    return [
        entry
        for entry in (*live.grants, *live.kept_grants)
        if entry != _BUILT_IN.get(live.kind)
        and entry.removesuffix(_WITH_OPTION).partition(" to ")[2] not in roles.names
    ]


def has_defaults(conn: Connection) -> bool:
    """Whether default privileges that somebody set give grants on each object that we create."""
    query = """
    select exists (
        select from pg_catalog.pg_default_acl as d
        inner join pg_catalog.pg_roles as r on d.defaclrole = r.oid
        where r.rolname = current_user
    )
    """
    return bool(scalar(conn, query))
