"""Databases of version 0.1.0: filled once a session, and copied for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import databases
from upgrade import released

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.servers import PostgresServer


@pytest.fixture(scope="session")
def template_of_0_1_0(postgres_server: PostgresServer) -> Iterator[databases.Template]:
    """A filled database of 0.1.0, to be copied."""
    with databases.blank(postgres_server) as database:
        released.install(database)
        with database.connect() as conn:
            released.fill(conn)
        database.close()
        yield databases.Template(postgres_server, database.name)


@pytest.fixture
def old_database(template_of_0_1_0: databases.Template) -> Iterator[databases.Database]:
    """This test's own filled database of 0.1.0, whose ledger must prove itself after the test."""
    with template_of_0_1_0.clone() as database:
        yield database
