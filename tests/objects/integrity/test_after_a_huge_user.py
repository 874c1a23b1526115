"""A user of many rows makes the verification of others, later in the session, no slower."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import new_user, rows
from support.books import grant

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

HUGE = 3_000
OTHERS = 300
TABLES = ("credit_transactions", "credit_lots", "user_credits", "generations")


def rows_read(conn: psycopg.Connection[Any], user: UUID) -> int:
    """How many rows of the ledger's tables are read, where this user's ledger is verified."""
    read = " + ".join(
        f"pg_stat_get_xact_tuples_returned('credits.{table}'::regclass)" for table in TABLES
    )
    with conn.transaction():
        ((before,),) = conn.execute(f"select {read}")
        assert rows(conn, "verify_ledger", user) == []
        ((after,),) = conn.execute(f"select {read}")
    return int(after) - int(before)


def test_it_reads_no_more(conn: psycopg.Connection[Any]) -> None:
    huge, small = new_user(), new_user()
    grant(conn, huge, HUGE)
    conn.execute(
        "select from generate_series(1, %s) as n"
        " cross join lateral credits.deduct_user_credits(%s, 1 + 0 * n)",
        (HUGE, huge),
    )
    for user in (small, *(new_user() for _ in range(OTHERS))):
        grant(conn, user, 5)
    conn.execute("vacuum (analyze)")
    before = rows_read(conn, small)

    for _ in range(8):
        assert rows(conn, "verify_ledger", huge) == []

    assert rows_read(conn, small) == before
