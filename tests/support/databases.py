"""A database for each test: a file copy of the deployed template, as new as when it was made."""

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

from support.cleaning import Cleaner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import LiteralString

    from support.servers import PostgresServer


_SESSIONS = (
    "select from pg_catalog.pg_stat_activity as a"
    " where a.datname = %s and a.backend_type = 'client backend'"
)
# A copy is made as new again only so often: its catalogs grow a little each time.
_MOST_TESTS = 50


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
        sessions_have_ended(self._server, self.dbname, within=0.1)
        with self.cursor() as cursor:
            cursor.execute(
                sql.SQL("drop database if exists {} with (force)").format(
                    sql.Identifier(self.dbname)
                )
            )
            for statement in self._server.after_drop:
                cursor.execute(statement)


def sessions_have_ended(
    server: PostgresServer, dbname: str, *, within: float, but: int = 0
) -> bool:
    """Wait until there is no session in the database.

    PostgreSQL itself looks only every tenth of a second whether sessions have ended, and those of
    closed connections have ended in a few milliseconds.

    Args:
        server: Where.
        dbname: The database.
        within: Seconds to wait at most.
        but: How many sessions may stay.
    """
    soon = time.monotonic() + within
    while len(server.administration.execute(_SESSIONS, (dbname,)).fetchall()) > but:
        if time.monotonic() >= soon:
            return False
        time.sleep(0.001)
    return True


@dataclass(frozen=True)
class Database:
    """One test's own database."""

    server: PostgresServer
    name: str
    _connections: list[psycopg.Connection[Any]] = field(default_factory=list, repr=False)
    # Those of them that have no parameters of their own.
    _plain: list[psycopg.Connection[Any]] = field(default_factory=list, repr=False)
    # An open connection of an earlier test, whose session is as new.
    _ready: list[psycopg.Connection[Any]] = field(default_factory=list, repr=False)

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
        is_plain = not parameters
        parameters.setdefault("row_factory", namedtuple_row)
        if is_plain and self._ready:
            conn = psycopg.Connection(self._ready.pop().pgconn, **parameters)
            conn.autocommit = True
        else:
            parameters.setdefault("connect_timeout", 30)
            conn = psycopg.connect(self.dsn, autocommit=True, **parameters)
        if is_plain:
            self._plain.append(conn)
        self._connections.append(conn)
        if role is not None:
            conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        conn.autocommit = autocommit
        return conn

    def close(self) -> None:
        """End every session in the database, busy or not, and close our connections."""
        self._end_sessions(spared=None)
        self._connections.clear()

    def only_connection(self) -> psycopg.Connection[Any]:
        """The only connection left: every other session is ended, busy or not.

        It is one that the test is done with, where there is one: its caches are warm.
        """
        ours = [conn for conn in self._connections if not conn.closed]
        ours.sort(key=lambda conn: conn not in self._plain)
        done = (c for c in ours if c.info.user == self.server.user and _is_idle(c))
        conn = next(done, None) or self.connect()
        self._end_sessions(spared=conn)
        self._connections[:] = [conn]
        conn.execute("reset session authorization; reset role; reset all")
        return conn

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


@dataclass
class _Copy:
    """A database that was copied from a template."""

    janitor: QuickJanitor
    #: How many tests it has served.
    tests: int = 0
    #: How often its tables had been written when it was last as new.
    written: Mapping[int, int] = field(default_factory=dict)
    #: The last test's connection, whose session is as new.
    ready: psycopg.Connection[Any] | None = None

    def drop(self) -> None:
        if self.ready is not None:
            self.ready.close()
        self.janitor.drop()


@dataclass
class Template:
    """A database in which pgcredits is deployed, to be copied."""

    server: PostgresServer
    name: str
    #: Whether a copy whose test changed nothing but rows is made as new, for the next test.
    reused: bool = False
    #: Called with the only connection to each copy before it is dropped, unless its test failed.
    before_drop: Callable[[psycopg.Connection[Any]], None] = field(default=lambda _: None)
    _spare: list[_Copy] = field(default_factory=list, init=False)
    _cleaner: Cleaner | None = field(default=None, init=False)

    @contextmanager
    def clone(self, *, verify: bool = True) -> Iterator[Database]:
        """A copy that is new, or as new.

        Args:
            verify: Demand of the ledger, at the end, that it proves itself.
        """
        copy = self._spare.pop() if self._spare else self._new_copy()
        database = Database(self.server, copy.janitor.dbname)
        if copy.ready is not None:
            database._ready.append(copy.ready)
        since = self._transaction()
        try:
            yield database
            conn = database.only_connection()
            if verify:
                assert_ledger_proves_itself(conn)
            if self._is_cleaned(copy, conn, since):
                copy.ready = conn if conn in database._plain else None
                self._spare.append(copy)
            else:
                self._drop(copy, conn)
        except BaseException:
            database.close()
            copy.drop()
            raise

    def close(self) -> None:
        """Drop the copies that are left."""
        for copy in self._spare:
            self._drop(copy, copy.ready or self.server.connect(copy.janitor.dbname))

    def _new_copy(self) -> _Copy:
        copy = _Copy(QuickJanitor(self.server, _new_name(), self.name))
        copy.janitor.init()
        if self.reused and self._cleaner is None:
            with self.server.connect(copy.janitor.dbname) as conn:
                self._cleaner = Cleaner(conn)
        return copy

    def _transaction(self) -> int:
        """A transaction that no other one of now is younger than."""
        query = "select pg_catalog.pg_current_xact_id()::text::bigint"
        ((transaction,),) = self.server.administration.execute(query).fetchall()
        assert isinstance(transaction, int)
        return transaction

    def _is_cleaned(self, copy: _Copy, conn: psycopg.Connection[Any], since: int) -> bool:
        copy.tests += 1
        if (
            self._cleaner is None
            or copy.tests == _MOST_TESTS
            or not sessions_have_ended(self.server, copy.janitor.dbname, within=1, but=1)
        ):
            return False
        written = self._cleaner.clean(conn, since, copy.written)
        if written is None:
            return False
        copy.written = written
        return True

    def _drop(self, copy: _Copy, conn: psycopg.Connection[Any]) -> None:
        self.before_drop(conn)
        conn.close()
        copy.drop()


@contextmanager
def blank(server: PostgresServer, options: LiteralString = "") -> Iterator[Database]:
    """A database with nothing in it, for the tests of the deployer.

    Args:
        server: Where.
        options: More of what CREATE DATABASE takes, such as an encoding.
    """
    with QuickJanitor(server, _new_name(), "template0", options) as janitor:
        database = Database(server, janitor.dbname)
        try:
            yield database
        finally:
            database.close()


def _new_name() -> str:
    return f"pgcredits_test_{secrets.token_hex(6)}"


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
