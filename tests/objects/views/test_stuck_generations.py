from __future__ import annotations

from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, BEN, columns, shown
from objects.views.timed_generations import HOUR, MINUTE, begin, lived, now
from support.api import rows
from support.attempts import attach
from support.clock import real_clock

if TYPE_CHECKING:
    import psycopg


def stuck(conn: psycopg.Connection[Any]) -> list[Any]:
    return shown(conn, "stuck_generations", "deadline_at")


def test_what_is_past_its_deadline_is_a_row(conn: psycopg.Connection[Any]) -> None:
    at = now(conn)
    pending = begin(conn, at - 3 * HOUR, user=ANN, p_timeout=HOUR)
    processing = begin(conn, at - 2 * HOUR, user=BEN, provider="beta", p_timeout=HOUR)
    attach(conn, processing, "t-1")
    real_clock(conn)

    first, second = stuck(conn)

    assert tuple(first)[:5] == (ANN, pending.generation, "alpha", "pending", at - 2 * HOUR)
    assert tuple(second)[:5] == (BEN, processing.generation, "beta", "processing", at - HOUR)
    row = conn.execute(
        "select max(abs(extract(epoch from now() - deadline_at) - overdue_seconds)) as off"
        " from credits_monitoring.stuck_generations"
    ).fetchone()
    assert row is not None
    assert row.off <= 1


def test_what_has_time_or_has_ended_is_not(conn: psycopg.Connection[Any]) -> None:
    assert stuck(conn) == []
    at = now(conn)
    begin(conn, at, p_timeout=HOUR)
    for how in ("succeeded", "cancelled", "timed_out", "internal_error"):
        lived(conn, at - HOUR, how)

    assert stuck(conn) == []


def test_the_sweep_empties_it(conn: psycopg.Connection[Any]) -> None:
    begin(conn, now(conn) - HOUR, p_timeout=MINUTE)
    real_clock(conn)
    assert len(stuck(conn)) == 1

    rows(conn, "sweep_stuck_generations")

    assert stuck(conn) == []


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert list(columns(conn, "stuck_generations")) == [
        "user_id",
        "generation_id",
        "provider",
        "status",
        "deadline_at",
        "overdue_seconds",
        "external_user_id",
    ]
