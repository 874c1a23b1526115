"""Names, ids and codes that 0.1.0 kept with white space or a Turkish i are found afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from psycopg import errors

from pgcredits import deploy
from support import databases
from support.api import call, rows
from support.books import balance
from upgrade import released

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.databases import Database
    from support.servers import PostgresServer

USER = UUID(int=0xE0)
ATTACHED, UNATTACHED, TWIN, TWIN_OF_IT = (UUID(int=0xE1 + n) for n in range(4))


@pytest.fixture
def turkish_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database of 0.1.0 whose lower case of I has no dot."""
    try:
        with databases.blank(
            postgres_server, "locale_provider icu icu_locale 'tr-TR' encoding 'UTF8'"
        ) as database:
            with database.connect() as conn:
                conn.execute(released.INSTALLATION.read_bytes())
            yield database
    except (errors.FeatureNotSupported, errors.InvalidParameterValue) as error:
        pytest.skip(f"this server knows no Turkish: {error.diag.message_primary}")


def start(conn: Any, provider: str, generation: UUID, task: str | None = None) -> None:
    call(conn, "start_generation", USER, provider, "image", 10, generation)
    if task is not None:
        call(conn, "attach_provider_task", USER, generation, task)


def back(conn: Any, provider: str, task: str) -> Any:
    return call(conn, "handle_provider_callback", provider, task, "500")


def test_tasks_in_flight_are_found_under_their_tidy_ids(old_database: Database) -> None:
    conn = old_database.connect()
    released.grant(conn, USER, 100)
    start(conn, "kling\n", ATTACHED, "t-1 ")
    start(conn, "kling\t", UNATTACHED)
    back(conn, "kling", "t-2\r\n")
    # Two generations of one task: the right id stays with its own.
    start(conn, "kling", TWIN, "t-3")
    start(conn, "kling", TWIN_OF_IT, "t-3 ")

    deploy.migrate(old_database.dsn)

    assert rows(conn, "verify_ledger") == []
    assert back(conn, "kling", "t-1").generation_id == ATTACHED
    attached = call(conn, "attach_provider_task", USER, UNATTACHED, "t-2")
    assert (attached.status, attached.credits_refunded) == ("failed", 10)
    assert back(conn, "kling", "t-3").generation_id == TWIN
    assert call(conn, "get_generation", USER, TWIN_OF_IT).status == "processing"
    assert balance(conn, USER) == 90


def test_what_operators_wrote_is_tidied_and_named(old_database: Database) -> None:
    conn = old_database.connect()
    conn.execute(
        "insert into credits.provider_error_codes (provider, code, outcome, error_type) values"
        " (E'kling\\n', E'E1\\t', 'failed', E'timeout\\n'), ('*', E'500\\n', 'failed', 'unknown')"
    )

    report = deploy.migrate(old_database.dsn)

    found = conn.execute(
        "select c.provider, c.code, c.error_type from credits.provider_error_codes as c"
        " where c.provider = 'kling' or c.code like '500%' order by c.code"
    ).fetchall()
    assert [tuple(row) for row in found] == [
        ("*", "500", "internal_error"),
        ("kling", "E1", "timeout"),
    ]
    assert len(report.warnings) == 4
    assert (
        "credits.provider_error_codes.error_type, which was 'timeout\n', is 'timeout' now: without"
        " white space at its ends" in report.warnings
    )
    assert deploy.check(old_database.dsn).findings == ()


def test_a_turkish_database_of_0_1_0_is_upgraded(turkish_database: Database) -> None:
    conn = turkish_database.connect()
    released.grant(conn, USER, 100)
    start(conn, "OpenAI", ATTACHED, "t-1")
    start(conn, "OPENAI", UNATTACHED)
    back(conn, "OPENAI", "t-2")

    deploy.migrate(turkish_database.dsn)

    assert deploy.check(turkish_database.dsn, smoke=True).findings == ()
    assert rows(conn, "verify_ledger") == []
    assert back(conn, "openai", "t-1").generation_id == ATTACHED
    assert call(conn, "attach_provider_task", USER, UNATTACHED, "t-2").status == "failed"
    operator = turkish_database.connect(role="credits_operator")
    operator.execute("insert into credits.plans values ('team', 500, 0)")
