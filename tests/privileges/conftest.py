"""A role that nobody knows. Roles belong to the server: each test's has a name of its own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database


@pytest.fixture
def stranger(database: Database) -> Iterator[str]:
    """The name of a role without any rights, gone after the test with all it made."""
    name = f"pgcredits_test_{secrets.token_hex(6)}"
    role = sql.Identifier(name)
    admin = database.connect()
    admin.execute(sql.SQL("create role {} nologin").format(role))
    yield name
    with database.connect() as admin:
        admin.execute(sql.SQL("drop owned by {} cascade").format(role))
        admin.execute(sql.SQL("drop role {}").format(role))
