"""Fixtures for the deployer's tests: files of their own in a database of their own."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from command_line.deploy.tree import Cluster, Tree, write_files
from pgcredits.server import ephemeral_server
from support import databases
from support.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def strangers(postgres_server: PostgresServer) -> Iterator[list[str]]:
    """Roles that are dropped after the test and after its database."""
    roles: list[str] = []
    yield roles
    with postgres_server.connect() as conn:
        for role in roles:
            conn.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


@pytest.fixture
def stranger(strangers: list[str], postgres_server: PostgresServer) -> str:
    """A role that is none of ours; where a password is asked for, it has the server's."""
    role = f"stranger_{secrets.token_hex(4)}"
    with postgres_server.connect() as conn:
        conn.execute(
            sql.SQL("create role {} password {}").format(
                sql.Identifier(role), sql.Literal(postgres_server.password)
            )
        )
    strangers.append(role)
    return role


@pytest.fixture
def tree(
    strangers: list[str], tmp_path: Path, template_of_tree: databases.Template
) -> Iterator[Tree]:
    """The small package, and a blank database. Its server has the roles."""
    write_files(tmp_path)
    with databases.blank(template_of_tree.server) as database:
        yield Tree(tmp_path, database)


@pytest.fixture
def installed(
    strangers: list[str], tmp_path: Path, template_of_tree: databases.Template
) -> Iterator[Tree]:
    """The small package, installed."""
    write_files(tmp_path)
    with template_of_tree.clone(verify=False) as database:
        yield Tree(tmp_path, database)


@pytest.fixture(scope="session")
def template_of_tree(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[databases.Template]:
    """A database in which the small package is installed, to be copied."""
    root = tmp_path_factory.mktemp("tree")
    write_files(root)
    with databases.blank(postgres_server) as database:
        Tree(root, database).migrate()
        yield databases.Template(postgres_server, database.name)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    with ephemeral_server() as started, PostgresServer.at(started.dsn()) as server:
        yield server


@pytest.fixture
def cluster(own_server: PostgresServer, tmp_path: Path) -> Iterator[Cluster]:
    """The server, with a database `app` of a user `deployer`; as it was after the test."""
    write_files(tmp_path)
    cluster = Cluster(own_server, tmp_path)
    cluster.execute("create role deployer login")
    cluster.execute("create database app owner deployer")
    yield cluster
    for (name,) in cluster.execute(
        "select quote_ident(d.datname) from pg_database as d"
        " where d.datname not in ('postgres', 'template0', 'template1')"
    ):
        cluster.execute(f"drop database {name} with (force)")
    for (name,) in cluster.execute(
        "select quote_ident(r.rolname) from pg_roles as r where r.oid >= 16384"
        " order by r.rolname not like 'credits%'"
    ):
        cluster.execute(f"drop role {name}")
