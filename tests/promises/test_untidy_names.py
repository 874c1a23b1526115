"""White space around a name, an id or a code, upper case, and Turkish change nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors, sql

from pgcredits import deploy
from support import databases
from support.api import call, new_user, refused, rows, value
from support.attempts import PROVIDER, TYPE, events, generation, open_alerts, set_policy, start
from support.books import balance, grant

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database
    from support.servers import PostgresServer

# A no-break space, a thin one, an ideographic one, and the mark with which some files begin.
BEYOND_ASCII = ["\u00a0", "\u2009", "\u3000", "\ufeff", "\u0085"]
WHITE = [" ", "\t", "\n", "\r\n", "\v\f", *BEYOND_ASCII]


@pytest.fixture
def turkish_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database whose lower case of I has no dot, with pgcredits."""
    try:
        with databases.blank(
            postgres_server, "locale_provider icu icu_locale 'tr-TR' encoding 'UTF8'"
        ) as database:
            deploy.migrate(database.dsn, share_roles=True)
            yield database
    except (errors.FeatureNotSupported, errors.InvalidParameterValue) as error:
        pytest.skip(f"this server knows no Turkish: {error.diag.message_primary}")


def handle(conn: psycopg.Connection[Any], provider: str, task: str, code: str) -> Any:
    return call(conn, "handle_provider_callback", provider, task, code)


@pytest.mark.parametrize("white", WHITE, ids=ascii)
@pytest.mark.parametrize("attached_first", [True, False])
def test_a_callback_finds_its_task_whatever_is_around_the_ids(
    conn: psycopg.Connection[Any], white: str, *, attached_first: bool
) -> None:
    attempt = start(conn)
    attach = ("attach_provider_task", attempt.user, attempt.generation, f"t-77{white}")
    if attached_first:
        assert call(conn, *attach).applied

    first = handle(conn, f"{white}NanoBanana{white}", f"{white}t-77", f"500{white}")

    if not attached_first:
        assert first.generation_id is None
        call(conn, *attach)
    assert (generation(conn, attempt).status, balance(conn, attempt.user)) == ("failed", 100)
    assert [event.code for event in events(conn, attempt)][1:] == ["t-77", "500"]
    # The same task again, untidy in another way, is the same task.
    assert call(conn, *attach[:3], f"\n{white}t-77").replayed
    assert handle(conn, PROVIDER, f"t-77{white}\t", "500").replayed


@pytest.mark.parametrize("white", WHITE, ids=ascii)
def test_a_start_is_the_same_whatever_is_around_its_words(
    conn: psycopg.Connection[Any], white: str
) -> None:
    conn.execute(
        "insert into credits.provider_prices (provider, generation_type, cost_usd)"
        " values (%s, %s, 0.04)",
        (PROVIDER, TYPE),
    )
    user, chosen = new_user(), new_user()
    grant(conn, user, 100)
    words = (f"{white}{PROVIDER.upper()}", f"{TYPE}{white}", 10, chosen)

    assert call(conn, "start_generation", user, *words).applied

    assert call(conn, "start_generation", user, PROVIDER, TYPE, 10, chosen).replayed
    row = conn.execute("select * from credits.generations where user_id = %s", (user,)).fetchone()
    assert row is not None
    assert (row.provider, row.generation_type, row.quoted_cost_usd) == (
        PROVIDER, TYPE, Decimal("0.04"),
    )  # fmt: skip
    set_policy(conn, "storage_error", 50)
    failed = call(
        conn, "fail_generation", user, chosen, f"Storage_Error{white}", None, f"E1{white}"
    )
    assert failed.credits_refunded == 5
    row = conn.execute("select * from credits.generations where user_id = %s", (user,)).fetchone()
    assert row is not None
    assert (row.error_type, row.error_code) == ("storage_error", "E1")
    alert = value(conn, "raise_alert", "odd", "odd", p_provider=f"{white}Kling{white}")
    found = conn.execute("select * from credits.system_alerts where alert_id = %s", (alert,))
    assert [a.provider for a in found] == ["kling"]


@pytest.mark.parametrize("white", WHITE, ids=ascii)
def test_white_space_alone_names_nothing(conn: psycopg.Connection[Any], white: str) -> None:
    user = new_user()
    grant(conn, user, 100)

    with refused("PT422", "invalid_argument", argument="p_provider"):
        call(conn, "start_generation", user, white, TYPE, 10)
    with refused("PT422", "invalid_argument", argument="p_generation_type"):
        call(conn, "start_generation", user, PROVIDER, white * 2, 10)
    with refused("PT422", "invalid_argument", argument="p_provider_task_id"):
        handle(conn, PROVIDER, white, "500")


def test_a_code_matches_without_regard_to_case(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "insert into credits.provider_error_codes (provider, code, outcome, error_type) values"
        " ('*', 'COMPLETED', 'succeeded', null), (%s, 'Blocked', 'failed', 'invalid_image')",
        (PROVIDER,),
    )
    for n, (code, status) in enumerate(
        [("completed", "succeeded"), ("Completed", "succeeded"), ("BLOCKED", "failed")]
    ):
        attempt = start(conn, task=f"t-{n}")

        assert handle(conn, PROVIDER, f"t-{n}", code).status == status
        # The event keeps what the provider wrote.
        assert events(conn, attempt)[-1].code == code
        assert "callback_unclassified" not in open_alerts(conn, attempt.user)


def test_a_code_in_its_own_case_comes_first_then_the_provider_s_own(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "insert into credits.provider_error_codes (provider, code, outcome, error_type) values"
        " ('*', 'nope', 'failed', 'timeout'), ('*', 'NOPE', 'failed', 'invalid_request'),"
        " (%s, 'Nope', 'failed', 'invalid_image')",
        (PROVIDER,),
    )
    for n, (code, error_type) in enumerate(
        [
            ("nope", "timeout"),
            ("NOPE", "invalid_request"),
            ("Nope", "invalid_image"),
            ("nOPE", "invalid_image"),
        ]
    ):
        attempt = start(conn, task=f"t-{n}")
        handle(conn, PROVIDER, f"t-{n}", code)

        assert generation(conn, attempt).error_type == error_type


@pytest.mark.parametrize("white", WHITE, ids=ascii)
@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("refund_policies.error_type", "timeout"),
        ("provider_error_codes.provider", "nanobanana"),
        ("provider_error_codes.code", "400"),
        ("provider_error_codes.error_type", "timeout"),
        ("provider_prices.provider", "nanobanana"),
        ("provider_prices.generation_type", "image"),
    ],
)
def test_what_nothing_would_ever_match_cannot_be_written(
    conn: psycopg.Connection[Any], column: str, word: str, white: str
) -> None:
    conn.execute(
        "insert into credits.provider_prices (provider, generation_type, cost_usd)"
        " values ('nanobanana', 'image', 1)"
    )
    relation, name = column.split(".")
    with pytest.raises(errors.CheckViolation) as caught:
        conn.execute(
            sql.SQL("update {} set {} = {} where {} = {}").format(
                sql.Identifier("credits", relation),
                sql.Identifier(name),
                sql.Literal(word + white),
                sql.Identifier(name),
                sql.Literal(word),
            )
        )
    assert caught.value.diag.constraint_name == f"{relation}_{name}_normal"


def test_in_a_turkish_database_an_i_stays_an_i(turkish_database: Database) -> None:
    conn = turkish_database.connect()
    row = conn.execute("select lower('I') as small").fetchone()
    assert row is not None
    assert row.small == "\u0131"
    conn.execute(
        "insert into credits.provider_error_codes (provider, code, outcome, error_type)"
        " values ('openai', 'INVALID_IMAGE', 'failed', 'invalid_image')"
    )
    set_policy(conn, "invalid_image", 50)
    user, first, second = (new_user() for _ in range(3))
    grant(conn, user, 100)

    call(conn, "start_generation", user, "OpenAI", TYPE, 10, first)
    call(conn, "attach_provider_task", user, first, "T-1")
    assert handle(conn, "OPENAI", "T-1", "invalid_image").credits_refunded == 5
    call(conn, "start_generation", user, "openai", TYPE, 10, second)
    assert call(conn, "start_generation", user, "OPENAI", TYPE, 10, second).replayed
    assert call(conn, "fail_generation", user, second, "INVALID_IMAGE").credits_refunded == 5

    # The deployer reads privileges, whose names it writes in lower case.
    assert deploy.check(turkish_database.dsn, smoke=True).findings == ()
    conn.execute("revoke insert, trigger on credits.settings from credits_operator")
    deploy.migrate(turkish_database.dsn)
    assert deploy.check(turkish_database.dsn).findings == ()
    assert rows(conn, "verify_ledger") == []
