"""L11: the log insert names a column that does not exist: no ledger row, no cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.attempts import callback, complete, events, fail, generation, start
from support.books import entries

if TYPE_CHECKING:
    import psycopg

COST = Decimal("0.039")


def test_l11_every_charge_has_its_row_and_its_quoted_cost(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, p_quoted_cost_usd=COST)

    charge = entries(conn, attempt.user)[-1]

    assert (charge.transaction_id, charge.credits) == (attempt.charge, -10)
    assert (charge.generation_id, charge.cost_usd) == (attempt.generation, COST)
    assert generation(conn, attempt).quoted_cost_usd == COST
    assert (events(conn, attempt)[0].event, events(conn, attempt)[0].cost_usd) == ("started", COST)


def test_l11_the_quote_is_the_price_list_where_nobody_says(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("insert into credits.provider_prices values ('nanobanana', 'image', now(), 0.02)")

    attempt = start(conn, 10)

    assert entries(conn, attempt.user)[-1].cost_usd == Decimal("0.02")


@pytest.mark.parametrize("by", ["application", "callback", "late callback"])
def test_l11_what_was_billed_is_stored_whoever_says_it(
    conn: psycopg.Connection[Any], by: str
) -> None:
    attempt = start(conn, 10, task="t-1", p_quoted_cost_usd=Decimal(1))
    if by == "application":
        complete(conn, attempt, p_cost_usd=COST)
    elif by == "callback":
        callback(conn, "t-1", "200", p_cost_usd=COST)
    else:
        fail(conn, attempt)
        callback(conn, "t-1", "200", p_cost_usd=COST)

    row = generation(conn, attempt)
    assert (row.cost_usd, row.quoted_cost_usd) == (COST, Decimal(1))
    assert events(conn, attempt)[-1].cost_usd == COST


def test_l11_a_failure_that_the_provider_bills_is_stored_with_its_refund(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10)

    fail(conn, attempt, "storage_error", p_provider_billed=True, p_cost_usd=COST)

    row = generation(conn, attempt)
    assert (row.provider_billed, row.cost_usd) == (True, COST)
    back = entries(conn, attempt.user)[-1]
    assert (back.transaction_type, back.credits, back.refund_of) == ("refund", 10, attempt.charge)
    assert (back.generation_id, back.reason) == (attempt.generation, "storage_error")
