"""The catalogs are only read here: one database will do for all of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Template


@pytest.fixture(scope="package")
def reader(template: Template) -> Iterator[psycopg.Connection[Any]]:
    with template.clone() as database:
        yield database.connect(options="-c default_transaction_read_only=on")


@pytest.fixture
def conn(reader: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A connection as the owner that can only read."""
    reader.execute("reset search_path")
    return reader
