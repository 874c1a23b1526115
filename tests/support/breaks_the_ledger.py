"""Two tests that break the ledger; test_databases.py runs this file on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user

if TYPE_CHECKING:
    import psycopg


def _break_ledger(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 5)
    conn.execute("update credits.user_credits set balance = 6 where user_id = %s", (user,))


def test_in_silence(conn: psycopg.Connection[Any]) -> None:
    _break_ledger(conn)


@pytest.mark.tampers
def test_on_purpose(conn: psycopg.Connection[Any]) -> None:
    _break_ledger(conn)
