from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from objects.views.small_histories import ANN, START, columns, live, shown

if TYPE_CHECKING:
    import psycopg


def test_every_row_has_two_legs_that_sum_to_nothing(conn: psycopg.Connection[Any]) -> None:
    live(conn)

    entries = shown(conn, "ledger_entries", "user_id, seq, account = 'wallet' desc")

    assert [(e.seq, e.account, e.credits) for e in entries if e.user_id == ANN] == [
        (1, "wallet", 100),
        (1, "issued", -100),
        (2, "wallet", 20),
        (2, "issued", -20),
        (3, "wallet", -30),
        (3, "used", 30),
        (4, "wallet", 10),
        (4, "used", -10),
        (5, "wallet", -5),
        (5, "revoked", 5),
        (6, "wallet", 40),
        (6, "issued", -40),
        (7, "wallet", -40),
        (7, "expired", 40),
    ]
    assert len(entries) == 18
    assert entries[0].at == entries[1].at == START
    assert entries[12].at == entries[13].at == START + timedelta(days=1)


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "ledger_entries") == {
        "user_id": "uuid",
        "seq": "bigint",
        "at": "timestamp with time zone",
        "account": "text",
        "credits": "bigint",
        "external_user_id": "text",
    }


def test_without_a_ledger_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert shown(conn, "ledger_entries", "seq") == []
