"""A login that is an analyst. Roles belong to the server: each test's has a name of its own."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import namedtuple_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database


@dataclass(frozen=True)
class Analyst:
    """A login in group credits_analyst, and ways to say so."""

    database: Database
    name: str
    password: str

    @property
    def dsn(self) -> str:
        """The same as a connection string."""
        return make_conninfo(self.database.dsn, user=self.name, password=self.password)

    def url(self, scheme: str = "postgres", **parameters: str) -> str:
        """The login as a URL; a Unix socket's folder can only be a parameter of it."""
        server = self.database.server
        login = f"{quote(self.name)}:{quote(self.password, safe='')}"
        where = urlencode({"host": server.host, "port": str(server.port), **parameters})
        return f"{scheme}://{login}@/{self.database.name}?{where}"

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self.dsn, autocommit=True, row_factory=namedtuple_row, connect_timeout=30
        )


@pytest.fixture
def analyst(database: Database) -> Iterator[Analyst]:
    """It is gone after the test."""
    name = f"pgcredits_test_{secrets.token_hex(6)}"
    # What has a meaning in URLs and in connection strings.
    password = f"a b'\\&@:/?{secrets.token_hex(4)}"
    role = sql.Identifier(name)
    with database.connect() as admin:
        admin.execute(
            sql.SQL("create role {} login password {} in role credits_analyst").format(
                role, sql.Literal(password)
            )
        )
    yield Analyst(database, name, password)
    with database.connect() as admin:
        admin.execute(sql.SQL("drop role {}").format(role))
