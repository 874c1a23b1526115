"""What providers bill, or may bill, for what was given back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from objects.views.paid_generations import TODAY, TOMORROW, buyer, lines, paid
from objects.views.small_histories import START
from objects.views.timed_generations import DAY
from support.attempts import refund
from support.clock import real_clock, set_clock

if TYPE_CHECKING:
    import psycopg

ABSORBED = ("absorbed_costs_daily", "day, provider")


def one(conn: psycopg.Connection[Any], how: str | None, quoted: str, **named: Any) -> Any:
    return paid(conn, buyer(conn, START, (10, None)), START, how, quoted=quoted, **named)


def test_without_anything_given_back_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    one(conn, None, "0.5")
    one(conn, "succeeded", "0.5")
    one(conn, "internal_error", "0.5", p_provider_billed=False)

    assert lines(conn, *ABSORBED) == []


def test_what_is_billed_and_what_may_be_are_told_apart(conn: psycopg.Connection[Any]) -> None:
    one(conn, "internal_error", "0.3", p_provider_billed=True)
    one(conn, "internal_error", "0.4", p_provider_billed=True, p_cost_usd=Decimal("0.1"))
    one(conn, "internal_error", "0.6")
    one(conn, "cancelled", "0.7")
    one(conn, "internal_error", "0.8", provider="beta")
    one(conn, "internal_error", "0.9", took=DAY, p_provider_billed=True)
    # A price that was lowered is no failure.
    one(conn, "succeeded", "1.0", p_final_credits=4)

    assert lines(conn, *ABSORBED) == [
        (TODAY, "alpha", 2, Decimal("0.4"), Decimal("1.3")),
        (TODAY, "beta", 0, 0, Decimal("0.8")),
        (TOMORROW, "alpha", 1, Decimal("0.9"), 0),
    ]


def test_several_refunds_of_one_do_not_double_it(conn: psycopg.Connection[Any]) -> None:
    conn.execute("update credits.refund_policies set refund_percent = 10")
    failed = one(conn, "internal_error", "0.3", p_provider_billed=True)
    for days in (1, 40):
        set_clock(conn, START + days * DAY)
        refund(conn, failed, 2)
    real_clock(conn)

    assert lines(conn, *ABSORBED) == [(TODAY, "alpha", 1, Decimal("0.3"), 0)]


def test_what_nothing_came_back_of_is_not_absorbed(conn: psycopg.Connection[Any]) -> None:
    conn.execute("update credits.refund_policies set refund_percent = 0")
    one(conn, "internal_error", "0.3", p_provider_billed=True)

    assert lines(conn, *ABSORBED) == []
