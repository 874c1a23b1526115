from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from ledger.books import NOON, each_refused, grant, no_trace, refused_without_trace
from promises.attempts import cancel, complete, fail, refund, start, state
from support.api import call, new_user
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


@pytest.mark.parametrize(
    ("end", "status", "refunded", "balance"),
    [
        (None, "pending", 0, 90),
        (lambda conn, attempt: complete(conn, attempt, 7), "succeeded", 3, 93),
        (fail, "failed", 10, 100),
        (cancel, "cancelled", 10, 100),
    ],
)
def test_it_shows_where_a_generation_stands(
    conn: psycopg.Connection[Any], end: Any, status: str, refunded: int, balance: int
) -> None:
    attempt = start(conn, 10)
    if end is not None:
        end(conn, attempt)

    with no_trace(conn):
        shown = state(conn, attempt)

    # A success at a lower price is not a refund.
    assert tuple(shown) == (
        *(attempt.generation, attempt.user, status, 10, refunded),
        status in ("failed", "cancelled"),
        *(balance, False, False),
    )


def test_what_was_refunded_by_hand_counts(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="t-1")
    cancel(conn, attempt)
    assert not state(conn, attempt).refunded

    refund(conn, attempt, 4)

    shown = state(conn, attempt)
    assert (shown.refunded, shown.credits_refunded, shown.balance) == (True, 4, 94)


def test_the_balance_is_what_can_be_spent(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 50)
    grant(conn, user, 20, p_expires_at=NOON + timedelta(hours=1))
    attempt = start(conn, 5, user=user)
    assert state(conn, attempt).balance == 65

    set_clock(conn, NOON + timedelta(hours=1))

    assert state(conn, attempt).balance == 50


def test_an_unknown_generation_is_refused(conn: psycopg.Connection[Any]) -> None:
    theirs = start(conn, 10)

    for user, unknown in ((theirs.user, uuid4()), (new_user(), theirs.generation)):
        with refused_without_trace(conn, "PT404", "generation_not_found"):
            call(conn, "get_generation", user, unknown)
    with refused_without_trace(conn, "PT404", "generation_not_found"):
        call(conn, "get_generation", theirs.user, None)
    each_refused(
        conn, "p_user_id", [None], lambda bad: call(conn, "get_generation", bad, theirs.generation)
    )
