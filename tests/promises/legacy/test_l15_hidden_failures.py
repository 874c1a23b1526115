"""L15: `when others then return false` hides failures behind HTTP 200."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from support.api import refused
from support.attempts import (
    cancel,
    complete,
    events,
    fail,
    listed,
    open_alerts,
    refund,
    refunds_broken,
    start,
)
from support.books import no_trace
from support.paths import PROCEDURES

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from support.attempts import Attempt


@pytest.mark.parametrize("report", [fail, cancel, complete], ids=lambda report: report.__name__)
def test_l15_a_report_that_cannot_be_stored_is_an_error(
    conn: psycopg.Connection[Any],
    report: Callable[[psycopg.Connection[Any], Attempt], Any],
) -> None:
    attempt = start(conn, 10)
    conn.execute(
        "alter table credits.generation_events add constraint broken check (false) not valid"
    )

    with no_trace(conn), refused("23514"):
        report(conn, attempt)


def test_l15_a_refund_by_hand_that_cannot_be_paid_is_an_error(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10)
    complete(conn, attempt)

    with refunds_broken(conn), no_trace(conn), refused("23514"):
        refund(conn, attempt)


def test_l15_a_refund_that_raises_within_a_settlement_is_seen_everywhere(
    conn: psycopg.Connection[Any],
) -> None:
    """The one error that must not undo what it is part of is not swallowed either."""
    attempt = start(conn, 10)

    with refunds_broken(conn):
        result = fail(conn, attempt)

    # The answer does not claim a refund that was not made.
    assert (result.status, result.refunded, result.credits_refunded) == ("failed", False, 0)
    assert result.balance == 90
    assert events(conn, attempt)[-1].event == "refund_failed"
    assert open_alerts(conn, attempt.user) == ["refund_failed"]
    assert len(listed(conn)) == 1


def test_l15_nothing_else_catches_whatever_may_come() -> None:
    catching = {
        file.stem: file.read_text(encoding="utf-8")
        for file in PROCEDURES.rglob("*.sql")
        if re.search(r"\bwhen\s+others\b", file.read_text(encoding="utf-8"))
    }

    # The refund within a settlement, users' turns in sweeps, and the task that an older application
    # has written, which has an alert then: all let a retry's errors pass.
    assert catching.keys() <= {
        "pay_or_owe",
        "serve_due_users",
        "sweep_generations",
        "apply_waiting_callbacks",
        "mirror_legacy_task",
    }
    assert "pay_or_owe" in catching
    for text in catching.values():
        assert re.search(
            r"when serialization_failure or deadlock_detected then\s+raise;\s+when others", text
        )
