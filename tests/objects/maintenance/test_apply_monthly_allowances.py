from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user, rows
from support.books import balance, no_trace

if TYPE_CHECKING:
    import psycopg


def test_the_name_of_0_1_0_still_does_what_apply_allowances_does(
    conn: psycopg.Connection[Any],
) -> None:
    users = [new_user() for _ in range(3)]
    for user in users:
        call(conn, "set_user_plan", user, "plus")

    served = rows(conn, "apply_monthly_allowances", p_limit=2)
    served += rows(conn, "apply_monthly_allowances")

    assert sorted(served) == sorted((user, None, 50, None) for user in users)
    assert [balance(conn, user) for user in users] == [50] * 3
    with no_trace(conn):
        assert rows(conn, "apply_allowances") == []
