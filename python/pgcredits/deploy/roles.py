"""The group roles of an installation: who makes them, who shares them, who lacks them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from psycopg import errors

from pgcredits.deploy.session import execute, scalar
from pgcredits.errors import RefusedError
from pgcredits.sql_files import read_sql

if TYPE_CHECKING:
    from pgcredits.deploy.session import Connection
    from pgcredits.roles import Roles

MISSING_ROLES = read_sql(__package__, "missing_roles.sql")
SHARED_ROLES = read_sql(__package__, "shared_roles.sql")
_IDLE_MEMBERS = read_sql(__package__, "idle_members.sql")
_LEFT_GRANTS = read_sql(__package__, "left_grants.sql")
_LEFT_MEMBERS = read_sql(__package__, "left_members.sql")


# Since PostgreSQL 16 only an administrator of a role may grant it.
_MAY_GRANT = """
select
    u.rolsuper
    or (u.rolcreaterole and current_setting('server_version_num')::integer < 160000)
    or not exists (
        select from pg_catalog.pg_roles as r
        where
            r.rolname = any(%s)
            and not pg_catalog.pg_has_role(r.oid, 'member with admin option')
    )
from pg_catalog.pg_roles as u
where u.rolname = current_user
"""


def provide_roles(conn: Connection, roles: Roles, *, create: bool) -> None:
    """Create missing roles and memberships, or refuse before anything was done.

    Args:
        conn: In a transaction.
        roles: Which ones.
        create: False when told not to create roles.

    Raises:
        RefusedError: Something is missing and may not be created; the hint has the statements.
    """
    rows = conn.execute(roles.in_text(MISSING_ROLES).encode()).fetchall()
    missing = [found for found in rows if found.is_needed or (create and found.allowed)]
    allowed = all(found.allowed for found in missing)
    if missing and not (create and allowed):
        why = "creating them was not wanted" if allowed else "this user may not create them"
        statements = [found.statement for found in missing]
        if not allowed:
            statements.append(_let_owner_grant(conn, roles))
        raise RefusedError(
            f"the roles of pgcredits are missing, and {why}",
            f"Have a DBA run: {'; '.join(statements)};",
        )
    for found in missing:
        # A deploy to another database of the server may create the role at this moment.
        with suppress(errors.DuplicateObject), conn.transaction():
            execute(conn, found.statement)


def find_missing_roles(conn: Connection, roles: Roles) -> list[tuple[str, str]]:
    """The roles that are missing or lack a member, each with the statement that mends it."""
    rows = conn.execute(roles.in_text(MISSING_ROLES).encode())
    return [(row.role, row.statement) for row in rows]


def find_idle_members(conn: Connection, roles: Roles) -> list[tuple[str, str]]:
    """Members of a role of ours that do not inherit it, and what mends that."""
    rows = conn.execute(roles.in_text(_IDLE_MEMBERS).encode())
    return [
        (
            row.member,
            f"it is granted {row.role} and does not inherit it, so that its calls are refused"
            f" until it says SET ROLE {row.role}; mend it by: {row.statement}",
        )
        for row in rows
    ]


def require_own_roles(conn: Connection, roles: Roles) -> None:
    """Refuse a first deploy with roles that hold rights in another database.

    Raises:
        RefusedError: Who is granted a role there could use credits here.
    """
    if shared := conn.execute(roles.in_text(SHARED_ROLES).encode()).fetchall():
        raise RefusedError(*explain_sharing(", ".join(sorted({row.database for row in shared}))))


def explain_sharing(databases: str) -> tuple[str, str]:
    """Why roles are not shared with these databases without a word, and what helps."""
    return (
        f"the roles of pgcredits have rights in another database of this server: {databases}",
        "Whoever may use credits there could do so here. Give this installation roles of its own"
        " by --role-prefix NAME_; or share them by --share-roles.",
    )


def find_intruders(conn: Connection, roles: Roles) -> tuple[str, ...]:
    """Who holds one of our roles, which another database uses, too, and could connect here."""
    rows = conn.execute(roles.in_text(SHARED_ROLES).encode())
    return tuple(
        f"{row.role} is used in database {row.database}, too: {row.members} may connect to this"
        " one and act as it (see --role-prefix)"
        for row in rows
        if row.members
    )


def find_left_grants(conn: Connection, roles: Roles) -> tuple[str, ...]:
    """What roles that this installation no longer uses may still do in this database."""
    rows = conn.execute(roles.in_text(_LEFT_GRANTS).encode())
    return tuple(f"{row.role} still has rights on {row.described}" for row in rows)


def find_left_members(conn: Connection, old: Roles, new: Roles) -> tuple[str, ...]:
    """Who could use this installation by a role that it no longer uses, and now cannot."""
    rows = conn.execute(old.in_text(_LEFT_MEMBERS).encode()).fetchall()
    return tuple(
        f"role {row.member}: it is granted {row.role}, which may do nothing here any more; if it"
        f' is to use this database: grant {now} to "{row.member}"'
        for row in rows
        for now in (new.names[old.names.index(row.role)],)
        if not scalar(conn, "select pg_catalog.pg_has_role(%s, %s, 'member')", [row.member, now])
    )


def find_powerless_owner(conn: Connection, roles: Roles) -> tuple[str, ...]:
    """What lets an owner grant our roles to applications, where that is refused so far."""
    if scalar(conn, _MAY_GRANT, [list(roles.names)]):
        return ()
    return (
        "this user may not grant the roles to applications; have a DBA run:"
        f" {_let_owner_grant(conn, roles)};",
    )


def _let_owner_grant(conn: Connection, roles: Roles) -> str:
    """The statement with which the owner may let applications in."""
    owner = scalar(conn, "select quote_ident(current_user)")
    return f"grant {', '.join(roles.names)} to {owner} with admin option"
