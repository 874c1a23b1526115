"""Fixtures for the deployer's tests: files of their own in a database of their own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from deploy.tree import Tree, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.databases import Database


@pytest.fixture
def tree(tmp_path: Path, blank_database: Database) -> Tree:
    """The small package, and a blank database."""
    write_files(tmp_path)
    return Tree(tmp_path, blank_database.dsn)


@pytest.fixture
def deployed(tree: Tree) -> Tree:
    """The small package, deployed."""
    tree.migrate()
    return tree


@pytest.fixture
def stranger(blank_database: Database) -> Iterator[str]:
    """A role that is none of ours; gone after the test."""
    role = f"stranger_{secrets.token_hex(4)}"
    name = sql.Identifier(role)
    with blank_database.connect() as conn:
        conn.execute(sql.SQL("create role {}").format(name))
    yield role
    with blank_database.connect() as conn:
        conn.execute(sql.SQL("drop owned by {} cascade").format(name))
        conn.execute(sql.SQL("drop role {}").format(name))
