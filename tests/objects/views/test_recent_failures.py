from __future__ import annotations

from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, BEN, START, columns
from objects.views.timed_generations import DAY, HOUR, MINUTE, begin, lived
from support.api import rows
from support.attempts import refund, refunds_broken
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

HOSTILE = "<script>alert('1')</script>'; drop table credits.generations; -- \\ %s {}"


def failures(conn: psycopg.Connection[Any]) -> list[Any]:
    """As the view has them: without an order of ours."""
    return conn.execute("select * from credits_monitoring.recent_failures").fetchall()


def test_without_failures_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    lived(conn, START)
    lived(conn, START, "cancelled")
    begin(conn, START)

    assert failures(conn) == []


def test_each_failure_is_a_row_the_latest_first(conn: psycopg.Connection[Any]) -> None:
    first = lived(
        conn, START, "network_error", user=ANN, p_error_message=HOSTILE, p_error_code="E<7>"
    )
    timed_out = lived(conn, START + 2 * HOUR, "timed_out", user=BEN, provider="beta", kind="video")
    between = lived(conn, START + HOUR, "internal_error", user=ANN, price=3)

    assert [tuple(line) for line in failures(conn)] == [
        (
            START + 2 * HOUR, BEN, "beta", "video", "timeout", None,
            "no answer came before the deadline", 10, 10, True, 0.0,
            timed_out.generation, None,
        ),
        (
            START + HOUR, ANN, "alpha", "image", "internal_error", None, None, 3, 3, True, 0.0,
            between.generation, None,
        ),
        (
            START, ANN, "alpha", "image", "network_error", "E<7>", HOSTILE, 10, 10, True, 0.0,
            first.generation, None,
        ),
    ]  # fmt: skip


def test_a_refund_that_came_later_is_timed_from_the_failure(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, START)
    attempt = begin(conn, START)
    set_clock(conn, START + HOUR)
    with refunds_broken(conn):
        rows(conn, "fail_generation", attempt.user, attempt.generation)
    (line,) = failures(conn)
    assert (line.credits_refunded, line.refunded, line.seconds_to_refund) == (0, False, None)

    # A part by hand, the rest by the sweep: the latest counts, and there is one row.
    set_clock(conn, START + HOUR + MINUTE)
    refund(conn, attempt, 4)
    (line,) = failures(conn)
    assert (line.credits_refunded, line.refunded, line.seconds_to_refund) == (4, True, 60)
    set_clock(conn, START + HOUR + DAY)
    rows(conn, "retry_failed_refunds")

    (line,) = failures(conn)
    assert (line.credits_refunded, line.refunded, line.seconds_to_refund) == (10, True, 86_400)


def test_a_failure_that_is_the_users_is_not_refunded(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "update credits.refund_policies set refund_percent = 0 where error_type = 'invalid_image'"
    )
    lived(conn, START, "invalid_image")

    (line,) = failures(conn)

    assert (line.credits_refunded, line.refunded, line.seconds_to_refund) == (0, False, None)


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "recent_failures") == {
        "finished_at": "timestamp with time zone",
        "user_id": "uuid",
        "provider": "text",
        "generation_type": "text",
        "error_type": "text",
        "error_code": "text",
        "error_message": "text",
        "credits_charged": "bigint",
        "credits_refunded": "bigint",
        "refunded": "boolean",
        "seconds_to_refund": "double precision",
        "generation_id": "uuid",
        "external_user_id": "text",
    }
