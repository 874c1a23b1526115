from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from objects.views.small_histories import ANN, START, columns, shown
from objects.views.timed_generations import HOUR
from support.api import call, value
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg

PLATFORM = UUID(int=0)
HOSTILE = "<b>it's; drop table credits.system_alerts; -- %s</b>"


def alerts(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return [tuple(line) for line in shown(conn, "open_alerts", "first_seen_at, type")]


def test_without_alerts_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert alerts(conn) == []


def test_each_open_alert_is_a_row(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, START)
    generation = UUID(int=7)
    theirs = value(
        conn,
        "raise_alert",
        "odd",
        HOSTILE,
        p_user_id=ANN,
        p_dedup_key="k",
        p_level="error",
        p_generation_id=generation,
        p_provider="alpha",
    )
    set_clock(conn, START + HOUR)
    ours = value(conn, "raise_alert", "provider_down", "it is down")
    # Again: no second row. A higher level stands.
    assert (
        value(
            conn,
            "raise_alert",
            "odd",
            "again",
            p_user_id=ANN,
            p_dedup_key="k",
            p_level="critical",
        )
        == theirs
    )
    call(conn, "acknowledge_alert", ANN, theirs, "Ada")

    first, second = alerts(conn)

    assert first[:1] == ("odd",)
    assert first[1] == "critical"
    assert first[3:6] == (ANN, "alpha", 2)
    assert first[6:] == (
        START, START + HOUR, "Ada", theirs, "k", generation, START + HOUR, START + HOUR, None,
    )  # fmt: skip
    assert second == (
        "provider_down", "critical", "it is down", PLATFORM, None, 1, START + HOUR, START + HOUR,
        None, ours, "", None, None, START + HOUR, None,
    )  # fmt: skip


def test_hostile_texts_come_as_they_are(conn: psycopg.Connection[Any]) -> None:
    call(conn, "raise_alert", "odd", HOSTILE)

    assert [line[2] for line in alerts(conn)] == [HOSTILE]


def test_an_acknowledged_alert_is_open_and_a_resolved_one_is_not(
    conn: psycopg.Connection[Any],
) -> None:
    alert = value(conn, "raise_alert", "odd", "something odd")
    call(conn, "acknowledge_alert", PLATFORM, alert, "Ada")
    assert len(alerts(conn)) == 1

    call(conn, "resolve_alert", PLATFORM, alert, "Ada")
    assert alerts(conn) == []

    # It comes again: another alert.
    again = value(conn, "raise_alert", "odd", "something odd")
    assert [line[9] for line in alerts(conn)] == [again] != [alert]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert list(columns(conn, "open_alerts"))[:9] == [
        "type",
        "level",
        "message",
        "user_id",
        "provider",
        "occurrences",
        "first_seen_at",
        "last_seen_at",
        "acknowledged_by",
    ]
