"""Which encodings of a database pgcredits lives in, and which it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from command_line.deploy.tree import run_script
from objects.users.ids import hashed
from pgcredits import deploy
from pgcredits.errors import RefusedError
from support import databases
from support.api import call, refused, rows, value
from support.attempts import callback, generation, start
from support.books import balance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import LiteralString

    from support.databases import Database
    from support.servers import PostgresServer

INSTALL = pytest.mark.parametrize(
    "install",
    [
        lambda database: deploy.migrate(database.dsn, share_roles=True),
        lambda database: run_script(database.dsn, deploy.script(share_roles=True)),
    ],
    ids=["migrate", "script"],
)
SCHEMAS = "select count(*) as n from pg_namespace as n where n.nspname like 'credits%'"


def _database(server: PostgresServer, encoding: LiteralString) -> Any:
    # In the locale C, which any encoding may have.
    return databases.blank(
        server, f"encoding '{encoding}' locale_provider libc lc_collate 'C' lc_ctype 'C'"
    )


@pytest.fixture
def latin(postgres_server: PostgresServer) -> Iterator[Database]:
    with _database(postgres_server, "LATIN1") as database:
        yield database


@pytest.fixture
def unencoded(postgres_server: PostgresServer) -> Iterator[Database]:
    with _database(postgres_server, "SQL_ASCII") as database:
        yield database


@INSTALL
def test_a_database_in_latin_1_is_installed_and_works(latin: Database, install: Any) -> None:
    install(latin)

    assert deploy.check(latin.dsn, smoke=True).findings == ()
    conn = latin.connect(client_encoding="utf8")
    attempt = start(conn, task="t-1", p_metadata={"titel": "Größe"})
    callback(conn, "t-1 ", "500", p_message="überlastet")
    assert generation(conn, attempt).error_message == "überlastet"
    assert balance(conn, attempt.user) == 100
    # The id is hashed as it is in UTF-8, whatever the database's encoding.
    assert value(conn, "register_user", "Größe") == hashed("Größe")
    with refused("PT422", "invalid_argument"):
        value(conn, "user_id", "Größe\x85")
    call(conn, "redact_user", attempt.user)
    assert rows(conn, "verify_ledger") == []
    deploy.migrate(latin.dsn)
    deploy.rollback(latin.dsn, destroy_data=True)


@INSTALL
def test_a_database_without_an_encoding_is_refused_before_anything_is_made(
    unencoded: Database, install: Any
) -> None:
    # psql's error fails run_script; both say why, and what to do.
    with pytest.raises((RefusedError, AssertionError), match="SQL_ASCII") as caught:
        install(unencoded)

    assert "encoding UTF8 and template template0" in f"{caught.value} {vars(caught.value)}"
    found = unencoded.connect().execute(SCHEMAS).fetchone()
    assert found is not None
    assert found.n == 0


def test_the_script_is_ascii() -> None:
    assert [line for line in deploy.script().splitlines() if not line.isascii()] == []
