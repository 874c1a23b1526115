from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from command_line.adopt.systems import Nobody

if TYPE_CHECKING:
    import psycopg


@pytest.fixture
def nobody() -> Nobody:
    return Nobody()


@pytest.fixture(autouse=True)
def in_utc(request: pytest.FixtureRequest) -> None:
    """Set the time zone UTC, as the commands do."""
    if "conn" in request.fixturenames:
        conn: psycopg.Connection[Any] = request.getfixturevalue("conn")
        conn.execute("set time zone 'UTC'")
