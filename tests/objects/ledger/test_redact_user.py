from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import call, new_user, refused, rows, value
from support.books import (
    NOON,
    books,
    deduct,
    entries,
    grant,
    no_trace,
    refund,
    refused_argument,
    revocations,
    revoke,
    user_row,
)
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

WORDS = "portrait of Ada Lovelace"


def _busy_user(conn: psycopg.Connection[Any]) -> Any:
    """A user about whom something was written in five ledger rows, two revocations, a freeze."""
    user = new_user()
    granted = grant(conn, user, 10, p_reason=WORDS, p_idempotency_key="g")
    charge = deduct(conn, user, 10, p_metadata={"prompt": WORDS}, p_idempotency_key="d")
    refund(conn, user, charge, 4, p_reason=WORDS)
    revoke(conn, user, granted, 4, p_reason=WORDS)
    revoke(conn, user, granted, 6, p_reason=WORDS)
    grant(conn, user, 10)
    deduct(conn, user, 1, p_reason=WORDS, p_metadata={"prompt": WORDS})
    call(conn, "freeze_user_credits", user, WORDS)
    return user


def _words(conn: psycopg.Connection[Any]) -> int:
    """How often the words still stand anywhere in the tables."""
    tables = ("user_credits", "credit_transactions", "revocations", "credit_lots")
    return sum(
        conn.execute(
            f"select count(*) as n from credits.{table} as t where t::text like %s",
            (f"%{WORDS}%",),
        )
        .fetchone()
        .n  # type: ignore[union-attr]
        for table in tables
    )


def test_what_was_written_about_a_user_is_blanked(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    assert _words(conn) == 8
    now = set_clock(conn, NOON)

    assert value(conn, "redact_user", user) == 5

    assert _words(conn) == 0
    assert {(row.reason, str(row.metadata)) for row in entries(conn, user)} == {(None, "{}")}
    # Rows about which there was nothing to hide are as they were.
    assert [row.redacted_at for row in entries(conn, user)] == [now, now, now, now, None, now]
    assert [record.reason for record in revocations(conn, user)] == [None, None]
    row = user_row(conn, user)
    assert (row.frozen_reason, row.updated_at) == (None, now)
    assert {
        (row.reason, str(row.metadata)) for row in rows(conn, "get_user_transactions", user)
    } == {(None, "{}")}


def test_amounts_times_keys_and_the_chain_stay(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)

    def lasting() -> Any:
        return (
            books(conn, user),
            call(conn, "get_user_credits", user),
            [
                row._replace(reason=None, metadata=None, redacted_at=None)
                for row in entries(conn, user)
            ],
            user_row(conn, user).ledger_head,
        )

    before = lasting()

    call(conn, "redact_user", user)

    assert lasting() == before
    assert rows(conn, "verify_ledger", user) == []


def test_a_frozen_user_stays_frozen(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)

    call(conn, "redact_user", user)

    with refused("PT403", "account_frozen", reason=None):
        deduct(conn, user, 1)


def test_a_repeat_is_still_known_after_redaction(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    call(conn, "redact_user", user)

    with no_trace(conn):
        assert grant(conn, user, 10, p_reason=WORDS, p_idempotency_key="g").replayed
        assert deduct(conn, user, 10, p_idempotency_key="d").replayed


def test_a_second_redaction_blanks_what_was_written_since(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    first = set_clock(conn, NOON)
    call(conn, "redact_user", user)
    call(conn, "unfreeze_user_credits", user)
    deduct(conn, user, 2, p_reason=WORDS)
    call(conn, "freeze_user_credits", user, WORDS)
    second = advance(conn, timedelta(days=1))

    assert value(conn, "redact_user", user) == 1

    assert _words(conn) == 0
    assert [row.redacted_at for row in entries(conn, user)] == [
        first, first, first, first, None, first, second,
    ]  # fmt: skip
    assert value(conn, "redact_user", user) == 0


def test_other_users_are_left_alone(conn: psycopg.Connection[Any]) -> None:
    user, other = _busy_user(conn), new_user()
    grant(conn, other, 10, p_reason=WORDS)

    call(conn, "redact_user", user)

    assert [row.reason for row in entries(conn, other)] == [WORDS]
    assert _words(conn) == 1


def test_a_user_goes_on_as_before(conn: psycopg.Connection[Any]) -> None:
    user = _busy_user(conn)
    call(conn, "redact_user", user)
    call(conn, "unfreeze_user_credits", user)

    charge = deduct(conn, user, 3, p_reason="after")

    assert refund(conn, user, charge).balance == 9
    assert [row.reason for row in entries(conn, user)[-2:]] == ["after", None]


def test_there_is_nothing_about_an_unknown_user(conn: psycopg.Connection[Any]) -> None:
    with no_trace(conn):
        assert value(conn, "redact_user", new_user()) == 0


def test_it_needs_a_user(conn: psycopg.Connection[Any]) -> None:
    with refused_argument(conn, "p_user_id", value=None):
        call(conn, "redact_user", None)

    # It would blank what was written about the platform.
    with refused_argument(conn, "p_user_id", value=str(UUID(int=0))):
        call(conn, "redact_user", UUID(int=0))


def _generations_about(conn: psycopg.Connection[Any]) -> Any:
    """A user about whose generations something was written everywhere where that can be."""
    user = new_user()
    grant(conn, user, 100)
    started = call(
        conn,
        "start_generation",
        user,
        "nanobanana",
        "image",
        10,
        p_metadata={"prompt": WORDS},
    )
    call(conn, "attach_provider_task", user, started.generation_id, "t-1")
    call(conn, "complete_generation", user, started.generation_id, 99, None, {"title": WORDS})
    call(conn, "fail_generation", user, started.generation_id, "unknown", WORDS)
    for code in ("500", "teapot"):
        call(
            conn,
            "handle_provider_callback",
            "nanobanana",
            "t-1",
            code,
            WORDS,
            None,
            {"msg": WORDS},
        )
    failed = call(conn, "start_generation", user, "nanobanana", "image", 10)
    call(conn, "fail_generation", user, failed.generation_id, "invalid_image", WORDS)
    cancelled = call(conn, "start_generation", user, "nanobanana", "image", 10)
    call(conn, "cancel_generation", user, cancelled.generation_id, WORDS)
    conn.execute(
        "update credits.system_alerts"
        " set message = %s, metadata = jsonb_build_object('of', %s::text)",
        (WORDS, WORDS),
    )
    return user


def _words_of_generations(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """In how many rows of each table the words stand."""
    tables = ("generations", "generation_events", "system_alerts", "provider_callbacks")
    return {
        table: conn.execute(
            f"select count(*) as n from credits.{table} as t where t::text like %s",
            (f"%{WORDS}%",),
        )
        .fetchone()
        .n  # type: ignore[union-attr]
        for table in tables
    }


def test_what_was_written_about_generations_is_blanked(conn: psycopg.Connection[Any]) -> None:
    user = _generations_about(conn)
    before = _words_of_generations(conn)
    assert before == {
        "generations": 3,
        "generation_events": 6,
        "system_alerts": 3,
        "provider_callbacks": 0,
    }
    ledger_words = len([row for row in entries(conn, user) if row.reason is not None])
    now = set_clock(conn, NOON)

    assert value(conn, "redact_user", user) == 6 + ledger_words

    assert set(_words_of_generations(conn).values()) == {0}
    generations = conn.execute("select * from credits.generations").fetchall()
    assert {(row.error_message, str(row.metadata)) for row in generations} == {(None, "{}")}
    events = conn.execute("select * from credits.generation_events").fetchall()
    assert {(row.message, str(row.payload), row.dropped) for row in events} == {(None, "{}", None)}
    # Events of which there was nothing to hide are as they were.
    assert sorted(row.redacted_at == now for row in events) == [False] * 4 + [True] * 6
    alerts = conn.execute("select * from credits.system_alerts").fetchall()
    assert [row.message for row in alerts] == [row.type for row in alerts]
    assert {str(row.metadata) for row in alerts} == {"{}"}
    assert set(_words_of_generations(conn).values()) == {0}
    assert value(conn, "redact_user", user) == 0


def test_what_generations_cost_and_came_to_stays(conn: psycopg.Connection[Any]) -> None:
    user = _generations_about(conn)

    def lasting() -> Any:
        generations = conn.execute("select * from credits.generations order by generation_id")
        events = conn.execute(
            "select * from credits.generation_events order by generation_id, event_no"
        )
        alerts = conn.execute("select * from credits.system_alerts order by alert_id")
        return (
            books(conn, user),
            [row._replace(error_message=None, metadata=None) for row in generations],
            [
                row._replace(message=None, payload=None, dropped=None, redacted_at=None)
                for row in events
            ],
            [row._replace(message=None, metadata=None) for row in alerts],
            conn.execute("select * from credits.provider_tasks").fetchall(),
        )

    before = lasting()

    call(conn, "redact_user", user)

    assert lasting() == before
    assert rows(conn, "verify_ledger", user) == []


def test_callbacks_that_wait_for_a_task_of_the_user_are_blanked(
    conn: psycopg.Connection[Any],
) -> None:
    """Those whose task was mapped past attach_provider_task, or by a stale session."""
    user, other = new_user(), new_user()
    for task, owner in (("t-1", user), ("t-2", user), ("t-3", other)):
        call(conn, "handle_provider_callback", "nanobanana", task, "500", WORDS, 1, {"a": WORDS})
        if owner == user and task == "t-1":
            grant(conn, user, 10)
            started = call(conn, "start_generation", user, "nanobanana", "image", 10)
    # One is the task of the generation, the other an additional one of it.
    for task in ("t-1", "t-2"):
        conn.execute(
            "select credits_internal.map_task(%s, %s, 'nanobanana', %s)",
            (user, started.generation_id, task),
        )
    conn.execute("update credits.generations set provider_task_id = 't-1'")

    call(conn, "redact_user", user)

    inbox = conn.execute(
        "select provider_task_id, code, message, cost_usd, payload"
        " from credits.provider_callbacks order by provider_task_id"
    ).fetchall()
    assert inbox == [
        ("t-1", "500", None, 1, None),
        ("t-2", "500", None, 1, None),
        ("t-3", "500", WORDS, 1, {"a": WORDS}),
    ]
    # They still say what became of the task.
    (served,) = rows(conn, "apply_waiting_callbacks", 1)
    assert served.credits == 10


def test_an_owed_refund_is_paid_after_redaction(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    started = call(conn, "start_generation", user, "nanobanana", "image", 10)
    conn.execute("alter table credits.refund_totals add constraint broken check (false) not valid")
    call(conn, "fail_generation", user, started.generation_id, "unknown", WORDS)
    conn.execute("alter table credits.refund_totals drop constraint broken")

    call(conn, "redact_user", user)

    assert rows(conn, "retry_failed_refunds") == [(user, started.generation_id, 10, None)]
    assert call(conn, "get_user_credits", user).balance == 10


def test_generations_of_others_are_left_alone(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10, p_reason=WORDS)
    other = new_user()
    grant(conn, other, 10)
    started = call(
        conn, "start_generation", other, "nanobanana", "image", 10, p_metadata={"prompt": WORDS}
    )
    call(conn, "fail_generation", other, started.generation_id, "unknown", WORDS)
    conn.execute(
        "select credits_internal.open_alert(%s, 'test', %s)",
        (other, WORDS),
    )
    before = _words_of_generations(conn)

    call(conn, "redact_user", user)

    assert _words_of_generations(conn) == before
    assert before == {
        "generations": 1,
        "generation_events": 1,
        "system_alerts": 1,
        "provider_callbacks": 0,
    }
