"""A database for each test: a file copy of the deployed template, gone after the test."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row
from pytest_postgresql.janitor import DatabaseJanitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.servers import PostgresServer


class FileCopyJanitor(DatabaseJanitor):
    """pytest-postgresql's janitor, copying files: faster than its WAL for a small template."""

    def _build_create_database_sql(self) -> sql.Composed:
        return super()._build_create_database_sql() + sql.SQL(" strategy file_copy")

    def drop(self) -> None:
        """Drop it in one statement, whoever is still connected."""
        with self.cursor() as cursor:
            cursor.execute(
                sql.SQL("drop database if exists {} with (force)").format(
                    sql.Identifier(self.dbname)
                )
            )


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    server: PostgresServer
    name: str
    _connections: list[psycopg.Connection[Any]] = field(default_factory=list, repr=False)

    @property
    def dsn(self) -> str:
        """Its libpq connection string, as the owner."""
        return self.server.dsn(self.name)

    def connect(
        self,
        *,
        autocommit: bool = True,
        role: str | None = None,
        **parameters: Any,
    ) -> psycopg.Connection[Any]:
        """Open a connection with named rows. It is closed after the test.

        Args:
            autocommit: As psycopg's.
            role: SET ROLE to it first.
            parameters: More of libpq's parameters, or a row_factory.
        """
        parameters.setdefault("row_factory", namedtuple_row)
        parameters.setdefault("connect_timeout", 30)
        conn = psycopg.connect(self.dsn, autocommit=True, **parameters)
        self._connections.append(conn)
        if role is not None:
            conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        conn.autocommit = autocommit
        return conn

    def close(self) -> None:
        """End every session in the database, busy or not, and close our connections."""
        busy = []
        for conn in self._connections:
            if conn.info.transaction_status == TransactionStatus.ACTIVE:
                busy.append(conn)
            else:
                conn.close()
        with self.server.connect() as admin:
            # Those that a thread of ours still uses must be gone before we close them.
            admin.execute(
                "select pg_catalog.pg_terminate_backend("
                "    a.pid, case when a.pid = any (%s::integer[]) then 10000 else 0 end)"
                " from pg_catalog.pg_stat_activity as a"
                " where a.datname = %s and a.backend_type = 'client backend'",
                ([conn.info.backend_pid for conn in busy], self.name),
            )
        for conn in busy:
            conn.close()
        self._connections.clear()


@dataclass(frozen=True)
class Template:
    """A database in which pgcredits is deployed, to be copied."""

    server: PostgresServer
    name: str
    # Called with each copy once its test is over, before it is dropped.
    before_drop: Callable[[Database], None] | None = None

    @contextmanager
    def clone(self, *, verify: bool = True) -> Iterator[Database]:
        """Copy it; drop the copy afterwards.

        Args:
            verify: Demand of the ledger, at the end, that it proves itself.
        """
        with _new_database(self.server, template=self.name) as database:
            try:
                try:
                    yield database
                finally:
                    database.close()
                if verify:
                    assert_ledger_proves_itself(database)
            finally:
                if self.before_drop is not None:
                    self.before_drop(database)


@contextmanager
def blank(server: PostgresServer) -> Iterator[Database]:
    """A database with nothing in it, for the tests of the deployer."""
    with _new_database(server, template="template0") as database:
        try:
            yield database
        finally:
            database.close()


@contextmanager
def _new_database(server: PostgresServer, *, template: str) -> Iterator[Database]:
    name = f"pgcredits_test_{secrets.token_hex(6)}"
    janitor = FileCopyJanitor(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=name,
        template_dbname=template,
        maintenance_dbname=server.maintenance_dbname,
    )
    with janitor:
        yield Database(server, name)


def assert_ledger_proves_itself(database: Database) -> None:
    """Every check of verify_ledger() must hold."""
    with (
        database.server.connect(database.name) as conn,
        conn.cursor(row_factory=namedtuple_row) as cursor,
    ):
        violations = cursor.execute("select * from credits.verify_ledger()").fetchall()
    assert not violations, "the ledger does not prove itself:\n" + "\n".join(map(str, violations))
