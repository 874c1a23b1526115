"""What must hold before anything is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import errors

from pgcredits.deploy.findings import Kind, find_in_migrations, find_newer
from pgcredits.deploy.session import SCHEMAS, Connection
from pgcredits.errors import NewerDatabaseError, RefusedError

if TYPE_CHECKING:
    from pgcredits.deploy.manifest import Installed
    from pgcredits.sources import Package


def find_schemas(conn: Connection) -> list[str]:
    """Which of our schemas exist."""
    rows = conn.execute(
        """
        select n.nspname from pg_catalog.pg_namespace as n
        where n.nspname = any(%s) order by n.nspname
        """,
        [list(SCHEMAS)],
    )
    return [row.nspname for row in rows]


#: Why a database is refused, and what helps; psql says the same.
UNENCODED = (
    "the encoding of this database is SQL_ASCII: it keeps bytes and not characters, so that a text"
    " which is not ASCII would make refunds and callbacks fail",
    "Create a database with encoding UTF8 and template template0, and move the tables there with"
    " pg_dump.",
)


def require_encoding(conn: Connection) -> None:
    """Refuse a database that does not know which characters its texts are made of.

    Raises:
        RefusedError: Its encoding is SQL_ASCII.
    """
    if conn.info.parameter_status("server_encoding") == "SQL_ASCII":
        raise RefusedError(*UNENCODED)


def require_free_schemas(conn: Connection) -> None:
    """Refuse a first deploy that cannot create our schemas.

    Raises:
        RefusedError: A schema of ours is there already, or we may not create one.
    """
    if taken := find_schemas(conn):
        raise RefusedError(
            f"schema {', '.join(taken)} exists, and pgcredits did not make it",
            "Rename or drop it, or use another database.",
        )
    row = conn.execute(
        """
        select
            quote_ident(current_database()) as database,
            quote_ident(current_user) as deployer,
            pg_catalog.has_database_privilege(current_database(), 'create') as may_create
        """
    ).fetchone()
    assert row is not None  # noqa: S101
    if not row.may_create:
        raise RefusedError(
            f"{row.deployer} may not create schemas in {row.database}",
            f"Have a DBA run: grant create on database {row.database} to {row.deployer};",
        )


def require_known(package: Package, installed: Installed) -> None:
    """Refuse a database that a newer package has deployed.

    Raises:
        NewerDatabaseError: A newer package has deployed it.
    """
    for finding in find_newer(package, installed):
        raise NewerDatabaseError(
            f"{finding.object_kind} {finding.name}: {finding.detail}",
            "Install the pgcredits that deployed this database.",
        )


def require_one_history(package: Package, installed: Installed) -> None:
    """Refuse where package, manifest and yoyo's history disagree about the migrations.

    Raises:
        RefusedError: An applied migration was edited, one is missing below an applied one, or
            yoyo's history was changed without us.
    """
    for finding in find_in_migrations(package, installed):
        if finding.kind is Kind.EDITED_MIGRATION:
            raise RefusedError(
                f"migration {finding.name} was edited after it was applied",
                "Restore the file, and put the change into a new migration.",
            )
        if finding.kind is Kind.DRIFT:
            raise RefusedError(
                f"migration {finding.name}: {finding.detail}",
                "Compare credits_deploy._yoyo_migration with credits_deploy.manifest.",
            )
    newest = max(installed.history, default="")
    for migration in package.migrations:
        if migration.name not in installed.history and migration.name < newest:
            raise RefusedError(
                f"migration {migration.name} is new, but {newest} is already applied",
                "Give it a number above all that were released.",
            )


def become(conn: Connection, owner: str) -> None:
    """Act as the owner of the installation for the rest of the transaction.

    Raises:
        RefusedError: We are not the owner, and may not become it.
    """
    try:
        conn.execute("select set_config('role', %s, true) where current_user <> %s", [owner, owner])
    except errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"this installation belongs to {owner}",
            f"Connect as {owner}, as a member of it, or as a superuser.",
        ) from error
