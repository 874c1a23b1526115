from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pgcredits
from objects.views.small_histories import columns, shown
from support.paths import ROOT

if TYPE_CHECKING:
    import psycopg


def test_it_names_every_file_with_its_hash(conn: psycopg.Connection[Any]) -> None:
    inventory = shown(conn, "schema_inventory", "kind, name")

    installed = {
        (row.kind, row.name.rpartition(".")[2]): row.source_sha256
        for row in inventory
        if row.kind in ("migration", "function", "view")
    }
    files = {
        (kind, file.stem): hashlib.sha256(file.read_bytes()).hexdigest()
        for kind, pattern in (
            ("migration", "migrations/*.sql"),
            ("function", "procedures/**/*.sql"),
            ("view", "views/**/*.sql"),
        )
        for file in ROOT.glob(pattern)
        if not file.name.endswith(".rollback.sql")
    }
    assert installed == files


def test_it_names_what_migrations_made(conn: psycopg.Connection[Any]) -> None:
    inventory = shown(conn, "schema_inventory", "kind, name")

    tables = {row.name for row in inventory if row.kind == "table"}
    assert {"credits.user_credits", "credits.credit_transactions", "credits.settings"} <= tables
    types = {row.name for row in inventory if row.kind == "type"}
    assert {"credits.transaction_result", "credits.credit_source"} <= types
    assert {row.source_sha256 for row in inventory if row.kind in ("table", "type")} == {None}


def test_it_says_when_and_by_which_version(conn: psycopg.Connection[Any]) -> None:
    inventory = shown(conn, "schema_inventory", "kind, name")

    assert {row.package_version for row in inventory} == {pgcredits.__version__}
    row = conn.execute(
        "select max(installed_at) <= now() as past from credits_monitoring.schema_inventory"
    ).fetchone()
    assert row == (True,)
    assert not [row for row in inventory if row.installed_at is None]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "schema_inventory") == {
        "kind": "text",
        "name": "text",
        "source_sha256": "text",
        "installed_at": "timestamp with time zone",
        "package_version": "text",
    }
