"""What the other tests lean on: refusals, the clock, the state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused
from support.clock import advance, real_clock, set_clock
from support.state import everything

if TYPE_CHECKING:
    import psycopg

NOON = datetime(2031, 5, 6, 12, tzinfo=UTC)


def test_refused_demands_the_code_and_the_figures(conn: psycopg.Connection[Any]) -> None:
    user = new_user()

    with refused("PT402", "insufficient_credits", balance=0, required=5) as refusal:
        call(conn, "deduct_user_credits", user, 5)
    assert refusal.detail["code"] == "insufficient_credits"

    for expected in (("PT403", "account_frozen"), ("PT402", "account_frozen")):
        with pytest.raises(AssertionError), refused(*expected):
            call(conn, "deduct_user_credits", user, 5)
    with pytest.raises(AssertionError), refused("PT402", "insufficient_credits", balance=1):
        call(conn, "deduct_user_credits", user, 5)
    with pytest.raises(AssertionError, match="nothing was refused"), refused("PT402"):
        call(conn, "get_user_credits", user)


def test_the_clock_stops_moves_and_runs_again(conn: psycopg.Connection[Any]) -> None:
    def written_at() -> datetime:
        transaction = call(conn, "grant_user_credits", new_user(), 5).transaction_id
        query = "select created_at from credits.credit_transactions where transaction_id = %s"
        at: datetime = conn.execute(query, (transaction,)).fetchone()[0]  # type: ignore[index]
        return at

    set_clock(conn, NOON)
    assert written_at() == NOON

    assert advance(conn, timedelta(days=3)) == NOON + timedelta(days=3)
    assert written_at() == NOON + timedelta(days=3)

    real_clock(conn)
    assert written_at() < NOON


def test_everything_shows_any_change(conn: psycopg.Connection[Any]) -> None:
    before = everything(conn)
    assert everything(conn) == before

    call(conn, "grant_user_credits", new_user(), 5)

    assert everything(conn) != before
