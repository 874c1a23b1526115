"""Half a day of two users, small enough to be counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import call
from support.attempts import refunds_broken
from support.books import grant
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

ANN = UUID("00000000-0000-7000-8000-00000000000a")
BEN = UUID("00000000-0000-7000-8000-00000000000b")
CAT = UUID("00000000-0000-7000-8000-00000000000c")

#: Hostile, as providers' texts may be.
MESSAGE = "<script>alert('${provider}')</script>"


def make_it_noon(conn: psycopg.Connection[Any]) -> None:
    """Choose the business time zone so that no test of today runs across midnight."""
    ahead = (12 - datetime.now(UTC).hour + 11) % 24 - 11
    # The signs of these zones are the wrong way round.
    conn.execute("update credits.settings set business_time_zone = %s", (f"Etc/GMT{-ahead:+d}",))


def live(conn: psycopg.Connection[Any]) -> None:
    """Live half a day, which is today.

    Ann bought 100 credits for 5 cents each, on no plan. Of nanobanana she had five images for 10
    each: three succeeded (4 cents each), one failed by its fault (billed, 3 cents; 10 came back),
    one is in flight. Ben got 100 credits as goodwill, on plan pro. Of sloth he had three videos
    for 20 each: one has been stuck for 50 minutes, one succeeded at a cost that nobody knows, one
    failed and could not be refunded, so that 20 are owed and an alert is open. Cat has nothing.
    """
    make_it_noon(conn)
    set_clock(conn, datetime.now(UTC) - timedelta(hours=1))
    grant(
        conn,
        ANN,
        100,
        p_source="purchase",
        p_unit_price_usd=Decimal("0.05"),
        p_idempotency_key="pi_1",
    )
    grant(conn, BEN, 100)
    call(conn, "set_user_plan", BEN, "pro")
    # A plan that is called like what none might be called.
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('none', 0)")
    call(conn, "set_user_plan", CAT, "none")
    _start(conn, BEN, p_timeout=timedelta(minutes=10))
    real_clock(conn)

    for _ in range(3):
        done = _start(conn, ANN)
        call(conn, "complete_generation", ANN, done, p_cost_usd=Decimal("0.04"))
    call(
        conn,
        "fail_generation",
        ANN,
        _start(conn, ANN),
        "internal_error",
        MESSAGE,
        "500",
        p_provider_billed=True,
        p_cost_usd=Decimal("0.03"),
    )
    _start(conn, ANN)
    call(conn, "complete_generation", BEN, _start(conn, BEN))
    with refunds_broken(conn, BEN):
        call(conn, "fail_generation", BEN, _start(conn, BEN), "network_error", MESSAGE)


def _start(conn: psycopg.Connection[Any], user: UUID, **named: Any) -> UUID:
    what = ("nanobanana", "image", 10) if user == ANN else ("sloth", "video", 20)
    started = call(conn, "start_generation", user, *what, **named)
    assert isinstance(started.generation_id, UUID)
    return started.generation_id
