"""L10: update errors unchecked: free videos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows
from support.attempts import complete, net, start, state
from support.books import balance, no_trace, refused_without_trace

if TYPE_CHECKING:
    import psycopg


def _start(conn: psycopg.Connection[Any], user: Any, price: int) -> Any:
    return call(conn, "start_generation", user, "kling", "video", price)


def test_l10_without_credits_there_is_no_generation(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 19)

    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=19, required=20):
        _start(conn, user, 20)
    with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=20):
        _start(conn, new_user(), 20)

    assert conn.execute("select from credits.generations").fetchall() == []


@pytest.mark.parametrize(
    "table",
    ["user_credits", "credit_lots", "credit_transactions", "generations", "generation_events"],
)
def test_l10_where_the_charge_or_the_record_fails_there_is_neither(
    conn: psycopg.Connection[Any], table: str
) -> None:
    """Whatever cannot be written: the caller hears of it before it calls the provider."""
    user = new_user()
    call(conn, "grant_user_credits", user, 50)
    conn.execute(f"alter table credits.{table} add constraint broken check (false) not valid")

    with no_trace(conn), refused("23514"):
        _start(conn, user, 20)

    conn.execute(f"alter table credits.{table} drop constraint broken")
    assert _start(conn, user, 20).balance == 30


def test_l10_a_result_is_only_delivered_where_it_is_paid(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 20)

    assert complete(conn, attempt).status == "succeeded"

    assert (net(conn, attempt), balance(conn, attempt.user)) == (20, 80)


def test_l10_a_success_that_cannot_be_stored_is_an_error_and_stays_paid(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 20)
    conn.execute(
        "alter table credits.generation_events add constraint broken check (false) not valid"
    )

    with no_trace(conn), refused("23514"):
        complete(conn, attempt)

    conn.execute("alter table credits.generation_events drop constraint broken")
    assert (state(conn, attempt).status, net(conn, attempt)) == ("pending", 20)
    assert complete(conn, attempt).applied
    assert rows(conn, "verify_ledger") == []
