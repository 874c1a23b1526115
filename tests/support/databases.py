"""A database for each test: a file copy of the deployed template, gone after the test."""

from __future__ import annotations

import secrets
import time
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
    from typing import LiteralString

    from support.servers import PostgresServer


_SESSIONS = "select from pg_catalog.pg_stat_activity as a where a.datname = %s"


class QuickJanitor(DatabaseJanitor):
    """pytest-postgresql's janitor on one connection, copying files: faster than WAL if small."""

    def __init__(
        self, server: PostgresServer, dbname: str, template_dbname: str, options: LiteralString = ""
    ) -> None:
        """Make the database `dbname` as a copy of `template_dbname`.

        Args:
            server: Where.
            dbname: The new database.
            template_dbname: What it is a copy of.
            options: More of what CREATE DATABASE takes.
        """
        super().__init__(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            dbname=dbname,
            template_dbname=template_dbname,
            maintenance_dbname=server.maintenance_dbname,
        )
        self._server = server
        self._options = options

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg.Cursor[Any]]:
        """A cursor of the server's administration connection."""
        assert dbname is None
        with self._server.administration.cursor() as cursor:
            yield cursor

    def _build_create_database_sql(self) -> sql.Composed:
        return (
            super()._build_create_database_sql()
            + sql.SQL(" strategy file_copy ")
            + sql.SQL(self._options)
        )

    def drop(self) -> None:
        """Drop it in one statement, whoever is still connected."""
        with self.cursor() as cursor:
            # PostgreSQL itself looks only every tenth of a second whether sessions have ended, and
            # those of closed connections have ended in a few milliseconds.
            soon = time.monotonic() + 0.1
            while cursor.execute(_SESSIONS, (self.dbname,)).fetchall() and time.monotonic() < soon:
                time.sleep(0.001)
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
        self._end_sessions(spared=None)
        self._connections.clear()

    @contextmanager
    def last_connection(self) -> Iterator[psycopg.Connection[Any]]:
        """The only connection left: every other session is ended, busy or not.

        It is one that the test is done with, where there is one: its caches are warm.
        """
        ours = (conn for conn in self._connections if not conn.closed)
        conn = next((c for c in ours if c.info.user == self.server.user and _is_idle(c)), None)
        self._end_sessions(spared=conn)
        self._connections.clear()
        if conn is None:
            conn = self.connect()
        with conn:
            conn.execute("reset session authorization; reset role; reset all")
            yield conn
        self._connections.clear()

    def _end_sessions(self, spared: psycopg.Connection[Any] | None) -> None:
        busy = []
        for conn in self._connections:
            if conn.info.transaction_status == TransactionStatus.ACTIVE:
                busy.append(conn)
            elif conn is not spared:
                conn.close()
        # Sessions of connections that a thread still uses must have ended (10 s at most) before the
        # connections are closed.
        self.server.administration.execute(
            "select pg_catalog.pg_terminate_backend("
            "    a.pid, case when a.pid = any (%s::integer[]) then 10000 else 0 end)"
            " from pg_catalog.pg_stat_activity as a"
            " where a.datname = %s and a.backend_type = 'client backend' and a.pid <> %s",
            (
                [conn.info.backend_pid for conn in busy],
                self.name,
                spared.info.backend_pid if spared else 0,
            ),
        )
        for conn in busy:
            conn.close()


@dataclass(frozen=True)
class Template:
    """A database in which pgcredits is deployed, to be copied."""

    server: PostgresServer
    name: str
    # Called with the last connection to each copy once its test has passed.
    before_drop: Callable[[psycopg.Connection[Any]], None] | None = None

    @contextmanager
    def clone(self, *, verify: bool = True) -> Iterator[Database]:
        """Copy it; drop the copy afterwards.

        Args:
            verify: Demand of the ledger, at the end, that it proves itself.
        """
        with _new_database(self.server, template=self.name) as database:
            try:
                yield database
            except BaseException:
                database.close()
                raise
            with database.last_connection() as conn:
                if verify:
                    assert_ledger_proves_itself(conn)
                if self.before_drop is not None:
                    self.before_drop(conn)


@contextmanager
def blank(server: PostgresServer, options: LiteralString = "") -> Iterator[Database]:
    """A database with nothing in it, for the tests of the deployer.

    Args:
        server: Where.
        options: More of what CREATE DATABASE takes, such as an encoding.
    """
    with _new_database(server, template="template0", options=options) as database:
        try:
            yield database
        finally:
            database.close()


@contextmanager
def _new_database(
    server: PostgresServer, *, template: str, options: LiteralString = ""
) -> Iterator[Database]:
    name = f"pgcredits_test_{secrets.token_hex(6)}"
    with QuickJanitor(server, name, template, options):
        yield Database(server, name)


# Where all of these are empty, nothing is left for verify_ledger() to judge.
_ANYTHING = """
select
    exists (select from credits.user_credits)
    or exists (select from credits.credit_lots)
    or exists (select from credits.credit_transactions)
    or exists (select from credits.refund_totals)
    or exists (select from credits.revocations)
    or exists (select from credits.generations)
"""


def assert_ledger_proves_itself(conn: psycopg.Connection[Any]) -> None:
    """Every check of verify_ledger() must hold."""
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        (anything,) = cursor.execute(_ANYTHING).fetchall()[0]
        if not anything:
            return
        violations = cursor.execute("select * from credits.verify_ledger()").fetchall()
    assert not violations, "the ledger does not prove itself:\n" + "\n".join(map(str, violations))


def _is_idle(conn: psycopg.Connection[Any]) -> bool:
    """Whether the session is idle, or can be made so."""
    if conn.info.transaction_status == TransactionStatus.ACTIVE:
        return False
    try:
        conn.rollback()
        conn.autocommit = True
    except psycopg.Error:
        return False
    return True
