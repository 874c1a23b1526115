"""The connection string that `pgcredits up` prints is one that every driver takes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import psycopg
import pytest

from command_line.server.children import shared_folder
from pgcredits.server import durable_server, reaper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Where CI has installed the npm packages.
NODE_MODULES = os.environ.get("PGCREDITS_NODE_MODULES")
#: What each driver of Node.js is told to do with the connection string.
NODE_PROGRAMS = {
    "pg": """
import pg from "pg";
const client = new pg.Client(process.env.PGCREDITS_DSN);
await client.connect();
console.log((await client.query("select current_user")).rows[0].current_user);
await client.end();
""",
    "postgres": """
import postgres from "postgres";
const sql = postgres(process.env.PGCREDITS_DSN);
console.log((await sql`select current_user`)[0].current_user);
await sql.end();
""",
}


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with shared_folder() as base:
        folder = base / "server"
        try:
            yield durable_server(folder).uri()
        finally:
            reaper.end(folder)


def test_psycopg_takes_it(uri: str) -> None:
    with psycopg.connect(uri) as conn:
        assert conn.execute("select current_user").fetchone() == ("postgres",)


def test_asyncpg_takes_it(uri: str) -> None:
    asyncpg = pytest.importorskip("asyncpg")

    async def who() -> object:
        conn = await asyncpg.connect(uri)
        try:
            return await conn.fetchval("select current_user")
        finally:
            await conn.close()

    assert asyncio.run(who()) == "postgres"


def test_sqlalchemy_takes_it_with_psycopg(uri: str) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(uri.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as conn:
        assert conn.scalar(sqlalchemy.text("select current_user")) == "postgres"
    engine.dispose()


def test_sqlalchemy_takes_it_with_asyncpg(uri: str) -> None:
    pytest.importorskip("asyncpg")
    sqlalchemy = pytest.importorskip("sqlalchemy")
    asynchronous = pytest.importorskip("sqlalchemy.ext.asyncio")

    async def who() -> object:
        engine = asynchronous.create_async_engine(uri.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as conn:
            found = await conn.scalar(sqlalchemy.text("select current_user"))
        await engine.dispose()
        return found

    assert asyncio.run(who()) == "postgres"


@pytest.mark.skipif(NODE_MODULES is None, reason="PGCREDITS_NODE_MODULES is not set")
@pytest.mark.parametrize("driver", NODE_PROGRAMS)
def test_node_takes_it(uri: str, driver: str, tmp_path: Path) -> None:
    assert NODE_MODULES is not None
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    (tmp_path / "who.mjs").write_text(NODE_PROGRAMS[driver], encoding="utf-8")

    done = subprocess.run(
        ["node", "who.mjs"],
        cwd=tmp_path,
        env={**os.environ, "PGCREDITS_DSN": uri},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (0, "postgres\n"), done.stderr
