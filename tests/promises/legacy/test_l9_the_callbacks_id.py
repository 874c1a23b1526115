"""L9: the callback compares the provider's id with the row's id: no refund ever.

Or a failing update leaves the task processing while each delivery refunds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import refused
from support.attempts import (
    attach,
    break_generations,
    callback,
    mend_generations,
    net,
    refunds,
    start,
    state,
)
from support.books import no_trace

if TYPE_CHECKING:
    import psycopg


def test_l9_the_providers_id_finds_the_generation(conn: psycopg.Connection[Any]) -> None:
    attempts = [start(conn, 10, task=f"wavespeed-{n}") for n in range(3)]

    result = callback(conn, "wavespeed-1", "501")

    assert (result.generation_id, result.user_id) == (attempts[1].generation, attempts[1].user)
    assert (result.refunded, result.credits_refunded) == (True, 10)
    assert [net(conn, attempt) for attempt in attempts] == [10, 0, 10]


def test_l9_our_own_id_is_not_the_providers(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="wavespeed-1")

    result = callback(conn, str(attempt.generation), "501")

    assert (result.generation_id, result.refunded, result.applied) == (None, None, False)
    assert state(conn, attempt).status == "processing"


def test_l9_a_providers_id_may_look_like_ours(conn: psycopg.Connection[Any]) -> None:
    first, second = start(conn, 10), start(conn, 10)
    attach(conn, first, str(second.generation))
    attach(conn, second, str(first.generation))

    assert callback(conn, str(second.generation), "501").generation_id == first.generation

    assert (net(conn, first), net(conn, second)) == (0, 10)


def test_l9_each_delivery_after_the_first_is_a_replay(conn: psycopg.Connection[Any]) -> None:
    attempt = start(conn, 10, task="t-1")

    answers = [callback(conn, "t-1", "501") for _ in range(5)]

    assert [answer.applied for answer in answers] == [True] + [False] * 4
    assert [answer.replayed for answer in answers] == [False] + [True] * 4
    # The same answer for each: the provider or the client may ask again.
    assert {(a.status, a.refunded, a.credits_refunded, a.balance) for a in answers} == {
        ("failed", True, 10, 100)
    }
    assert refunds(conn, attempt) == [10]


def test_l9_where_the_task_cannot_be_updated_nothing_is_refunded(
    conn: psycopg.Connection[Any],
) -> None:
    attempt = start(conn, 10, task="t-1")
    break_generations(conn, attempt.user)

    for _ in range(3):
        with no_trace(conn), refused("23514"):
            callback(conn, "t-1", "501")

    mend_generations(conn)
    assert callback(conn, "t-1", "501").applied
    assert refunds(conn, attempt) == [10]
