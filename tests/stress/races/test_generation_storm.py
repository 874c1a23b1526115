"""Complete, fail, cancel, timeout and callbacks at once: each generation ends once, rightly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stress.lives.storm import (
    GENERATIONS,
    SESSIONS,
    USERS,
    Shot,
    assert_settled,
    new_users,
    set_policies,
    shots_at,
    start,
)
from stress.races.fire import REPEATABLE_READ, SERIALIZABLE, isolated
from support.api import rows
from support.races import at_once, errors, values

if TYPE_CHECKING:
    import random

    from support.databases import Database

# Two of each user's at a time: whoever is at work meets somebody else at the same generation.
ROUNDS = 10

pytestmark = pytest.mark.slow


def fire(shots: list[Shot], conn: psycopg.Connection[Any], i: int) -> list[tuple[Shot, Any]]:
    """Make this session's share of the calls."""
    return [(shot, shot.fire(conn)) for shot in shots[i::SESSIONS]]


@pytest.mark.timeout(900)
def test_whatever_is_reported_at_once_each_generation_ends_once(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    set_policies(conn)
    users = new_users(conn)
    generations = []
    swept = []

    for _ in range(ROUNDS):
        started = start(conn, users, GENERATIONS // ROUNDS, rng)
        generations += started
        shots = shots_at(started, rng)

        outcomes = at_once(database, SESSIONS, partial(fire, shots), deadline=300)

        # No deadlock, no serialization failure, no refusal: nothing at all may be raised.
        assert errors(outcomes) == []
        swept += [
            row
            for answers in values(outcomes)
            for shot, answer in answers
            if shot.kind == "sweep"
            for row in answer
        ]

    # Each report was kept or counted once, also a callback that waited for its task.
    ends = assert_settled(conn, generations)
    assert len(generations) == GENERATIONS
    assert len(users) == USERS
    assert min(ends.values()) >= GENERATIONS // 50, ends
    assert [row.error for row in swept if row.error is not None] == []
    assert len({row.generation_id for row in swept}) == len(swept) == ends["timed_out"]


def fire_until_done(
    shots: list[Shot], conn: psycopg.Connection[Any], i: int
) -> list[tuple[Shot, Any]]:
    """Make this session's share of the calls, each as often as it is told to try again."""
    answers = []
    for shot in shots[i::SESSIONS]:
        while True:
            try:
                answers.append((shot, shot.fire(conn)))
                break
            except psycopg.errors.SerializationFailure:
                continue
    return answers


@pytest.mark.timeout(900)
@pytest.mark.parametrize("level", [REPEATABLE_READ, SERIALIZABLE])
def test_where_calls_are_to_be_tried_again_each_generation_ends_once(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random, level: str
) -> None:
    set_policies(conn)
    generations = start(conn, new_users(conn), 4 * USERS, rng)

    outcomes = at_once(
        database,
        SESSIONS,
        partial(fire_until_done, shots_at(generations, rng)),
        deadline=300,
        **isolated(level),
    )

    assert errors(outcomes) == []
    # Whoever attached could not see every callback that waited: maintenance does.
    assert {row.error for row in rows(conn, "apply_waiting_callbacks", p_limit=1000)} <= {None}
    assert_settled(conn, generations)
