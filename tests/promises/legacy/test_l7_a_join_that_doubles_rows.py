"""L7: a join that doubles rows: 3 tasks counted as 4; refund rate over the wrong denominator.

The rate is judged where rates are; here it is what is owed, and to whom, that must not double.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import rows, value
from support.attempts import callback, fail, listed, refund, refunds_broken, start

if TYPE_CHECKING:
    import psycopg


def test_l7_three_failed_tasks_are_three(conn: psycopg.Connection[Any]) -> None:
    first = start(conn, 10, task="t-1")
    others = [start(conn, 10, user=first.user, task=f"t-{n}") for n in (2, 3)]
    # Several refunds of one, several events and several errors of another, a second task.
    with refunds_broken(conn):
        for attempt in (first, *others):
            fail(conn, attempt)
    refund(conn, first, 2)
    refund(conn, first, 3)
    for code in ("500", "202", "200"):
        callback(conn, "t-2", code)
    rows(conn, "attach_provider_task", first.user, others[1].generation, "t-4")
    conn.execute("alter table credits.refund_totals add constraint another check (false) not valid")
    rows(conn, "retry_failed_refunds")
    conn.execute("alter table credits.refund_totals drop constraint another")

    assert [line.credits_owed for line in listed(conn)] == [5, 10, 10]
    assert [line.credits_owed for line in rows(conn, "settle_owed_refunds")] == [5, 10, 10]

    paid = rows(conn, "settle_owed_refunds", False)
    assert sorted(line.credits_refunded for line in paid) == [5, 10, 10]
    assert listed(conn) == []


def test_l7_an_explanation_shows_each_refund_and_each_event_once(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10, task="t-1")
    start(conn, 10, user=attempt.user)
    with refunds_broken(conn):
        fail(conn, attempt)
    for amount in (2, 3, 5):
        refund(conn, attempt, amount)

    explained = value(conn, "explain_charge", attempt.user, attempt.generation)

    assert [back["credits"] for back in explained["refunds"]] == [2, 3, 5]
    assert [event["event_no"] for event in explained["events"]] == list(
        range(1, len(explained["events"]) + 1)
    )
    assert explained["price"]["credits_refunded"] == 10
    assert explained["price"]["credits_net"] == 0
