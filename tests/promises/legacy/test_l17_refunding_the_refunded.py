"""L17: the audit that lists users to refund lists those already refunded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import rows
from support.attempts import (
    callback,
    cancel,
    complete,
    fail,
    listed,
    refund,
    refunds_broken,
    start,
)
from support.books import balance, no_trace

if TYPE_CHECKING:
    import psycopg


def test_l17_the_list_is_of_those_who_are_owed_and_paying_it_empties_it(
    conn: psycopg.Connection[Any],
) -> None:
    refunded = [start(conn, 10, task=f"t-{n}") for n in range(4)]
    fail(conn, refunded[0])
    callback(conn, "t-1", "500")
    cancel(conn, refunded[2])
    fail(conn, refunded[2])
    complete(conn, refunded[3])
    refund(conn, refunded[3])
    paid = start(conn, 10)
    complete(conn, paid)
    owed, partly, paid_since = (start(conn, 10) for _ in range(3))
    with refunds_broken(conn):
        for attempt in (owed, partly, paid_since):
            fail(conn, attempt)
    refund(conn, partly, 4)
    refund(conn, paid_since)

    assert {line.user_id: line.credits_owed for line in listed(conn)} == {
        owed.user: 10,
        partly.user: 6,
    }
    # What pays them goes by the same list.
    assert {
        line.user_id: line.credits_refunded for line in rows(conn, "settle_owed_refunds", False)
    } == {owed.user: 10, partly.user: 6}

    assert listed(conn) == []
    with no_trace(conn):
        assert rows(conn, "settle_owed_refunds", False) == []
        assert rows(conn, "retry_failed_refunds") == []
    for attempt in (*refunded, owed, partly, paid_since):
        assert balance(conn, attempt.user) == 100
    assert balance(conn, paid.user) == 90
