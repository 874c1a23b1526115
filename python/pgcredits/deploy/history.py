"""yoyo's record of applied migrations, written inside the deploy's own transaction.

yoyo itself runs a migration on a second connection, marks it on the first, and guards both by a
row that outlives a killed process. Here its backend is bound to the deploy's connection and is
only asked to read and to write the record.
"""

from __future__ import annotations

import getpass
import platform
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import tuple_row
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import default_migration_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yoyo.migrations import Migration

    from pgcredits.deploy.session import Connection


class History(PostgresqlPsycopgBackend):
    """yoyo's PostgreSQL backend on a connection and a transaction that exist already."""

    _connection: Connection

    def __init__(self, connection: Connection) -> None:
        """Use the connection; yoyo's own way would open another."""
        self._connection = connection
        self.migration_table = default_migration_table
        self.schema = "credits_deploy"
        self.DatabaseError = psycopg.DatabaseError
        self._in_transaction = True
        self._internal_schema_updated = True  # bootstrap.sql has made it

    def record(self, migration: Migration, operation: str) -> None:
        """Write that a migration was applied (``apply``) or rolled back (``rollback``)."""
        with self._schema_in_path():
            if operation == "apply":
                self.mark_one(migration, log=False)  # type: ignore[no-untyped-call]
            else:
                self.unmark_one(migration, log=False)  # type: ignore[no-untyped-call]
            self.log_migration(migration, operation)  # type: ignore[no-untyped-call]

    def cursor(self) -> psycopg.Cursor[Any]:
        """Plain tuples, as yoyo expects."""
        return self._connection.cursor(row_factory=tuple_row)

    def get_log_data(
        self, migration: Migration | None = None, operation: str = "apply"
    ) -> dict[str, Any]:
        """What yoyo logs; the host name comes from the system, without a network lookup."""
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": _user(),
            "hostname": platform.node(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    @contextmanager
    def _schema_in_path(self) -> Iterator[None]:
        """Put the schema on the search path: yoyo's statements do not name it."""
        set_path = "select set_config('search_path', %s, true)"
        before = self._connection.execute("show search_path").fetchone()
        self._connection.execute(set_path, ["pg_catalog, credits_deploy, pg_temp"])
        yield
        self._connection.execute(set_path, list(before or ()))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""
