from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, BEN, START, columns, live, shown
from support.api import call

if TYPE_CHECKING:
    import psycopg

INSTANT = timedelta(microseconds=1)


def test_it_shows_every_row_with_the_balance_after_it(conn: psycopg.Connection[Any]) -> None:
    live(conn)

    statement = shown(conn, "user_statement", "user_id, seq")

    assert [row[1:-1] for row in statement if row.user_id == ANN] == [
        (1, START, "grant", 100, 100, None, "starter pack"),
        (2, START + INSTANT, "grant", 20, 120, None, None),
        (3, START + 2 * INSTANT, "deduction", -30, 90, None, "an image"),
        (4, START + 3 * INSTANT, "refund", 10, 100, None, "it was blurred"),
        (5, START + 4 * INSTANT, "revocation", -5, 95, None, None),
        (6, START + 5 * INSTANT, "grant", 40, 135, None, None),
        (7, START + timedelta(days=1), "expiry", -40, 95, None, None),
    ]
    assert [row[1:-1] for row in statement if row.user_id == BEN] == [
        (1, START, "grant", 7, 7, None, None),
        (2, START + INSTANT, "deduction", -2, 5, None, None),
    ]
    assert len(statement) == 9


def test_a_redacted_user_keeps_all_but_the_reasons(conn: psycopg.Connection[Any]) -> None:
    live(conn)
    before = shown(conn, "user_statement", "user_id, seq")

    call(conn, "redact_user", ANN)

    assert shown(conn, "user_statement", "user_id, seq") == [
        row._replace(reason=None) for row in before
    ]


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "user_statement") == {
        "user_id": "uuid",
        "seq": "bigint",
        "at": "timestamp with time zone",
        "transaction_type": "text",
        "credits": "bigint",
        "balance_after": "bigint",
        "generation_id": "uuid",
        "reason": "text",
        "external_user_id": "text",
    }


def test_without_a_ledger_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert shown(conn, "user_statement", "seq") == []
