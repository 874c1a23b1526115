"""The group roles, which belong to the whole server, and what a DBA must run for them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import errors

from pgcredits.deploy.session import execute, scalar
from pgcredits.errors import RefusedError

if TYPE_CHECKING:
    from pgcredits.deploy.session import Connection

ROLES = ("credits_app", "credits_analyst", "credits_operator")

#: (role, member). ``service_role`` is a role of Supabase: we never create it.
MEMBERSHIPS = (
    ("credits_app", "credits_operator"),
    ("credits_analyst", "credits_operator"),
    ("credits_app", "service_role"),
)

# Since PostgreSQL 16 only an administrator of a role may grant it.
_ADMIN_OPTION_SINCE = 16


@dataclass(frozen=True)
class MissingRole:
    """A missing role or membership: the statement that makes it, and whether we may run that."""

    role: str
    statement: str
    allowed: bool


def provide_roles(conn: Connection, *, create: bool) -> None:
    """Create missing roles and memberships, or refuse before anything was done.

    Args:
        conn: In a transaction.
        create: False when told not to create roles.

    Raises:
        RefusedError: Something is missing and may not be created; the hint has the statements.
    """
    missing = find_missing_roles(conn)
    allowed = all(found.allowed for found in missing)
    if missing and not (create and allowed):
        why = "creating them was not wanted" if allowed else "this user may not create them"
        statements = "; ".join(found.statement for found in missing)
        raise RefusedError(
            f"the roles of pgcredits are missing, and {why}", f"Have a DBA run: {statements};"
        )
    for found in missing:
        # A deploy to another database of the server may create the role at this moment.
        with suppress(errors.DuplicateObject), conn.transaction():
            execute(conn, found.statement)


def find_missing_roles(conn: Connection) -> list[MissingRole]:
    """The roles and memberships that are missing, in the order in which to make them."""
    user = conn.execute(
        """
        select r.rolsuper, r.rolcreaterole from pg_catalog.pg_roles as r
        where r.rolname = current_user
        """
    ).fetchone()
    assert user is not None  # noqa: S101
    creator = user.rolsuper or user.rolcreaterole
    existing = {row[0] for row in conn.execute("select r.rolname from pg_catalog.pg_roles as r")}
    missing = [
        MissingRole(role, f"create role {role} nologin", creator)
        for role in ROLES
        if role not in existing
    ]
    anyone_may_grant = conn.info.server_version // 10_000 < _ADMIN_OPTION_SINCE
    for role, member in MEMBERSHIPS:
        if member not in existing and member not in ROLES:
            continue
        if {role, member} <= existing and _is_member(conn, member, role):
            continue
        allowed = user.rolsuper or (creator and (anyone_may_grant or role not in existing))
        allowed = allowed or (role in existing and _is_admin(conn, role))
        missing.append(MissingRole(role, f"grant {role} to {member}", allowed))
    return missing


def _is_member(conn: Connection, member: str, role: str) -> bool:
    return bool(scalar(conn, "select pg_catalog.pg_has_role(%s, %s, 'member')", [member, role]))


def _is_admin(conn: Connection, role: str) -> bool:
    return bool(
        scalar(conn, "select pg_catalog.pg_has_role(%s, 'member with admin option')", [role])
    )
