"""The uuids just before and just after another one, as numbers of 128 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import value

if TYPE_CHECKING:
    from random import Random

    import psycopg

GREATEST = 2**128 - 1


def test_each_is_a_step_away(conn: psycopg.Connection[Any], rng: Random) -> None:
    numbers = [1, 2, 9, 10, 15, 16, 255, 256, 2**64 - 1, 2**64, 2**127, GREATEST - 1]
    for number in [*numbers, *(rng.getrandbits(128) for _ in range(20))]:
        before = value(conn, "credits_internal.uuid_before", UUID(int=number))
        after = value(conn, "credits_internal.uuid_after", UUID(int=number))
        assert (before.int, after.int) == (number - 1, number + 1)


def test_there_is_none_before_the_first_and_none_after_the_last(
    conn: psycopg.Connection[Any],
) -> None:
    assert value(conn, "credits_internal.uuid_before", UUID(int=0)) is None
    assert value(conn, "credits_internal.uuid_before", UUID(int=GREATEST)).int == GREATEST - 1
    assert value(conn, "credits_internal.uuid_after", UUID(int=GREATEST)) is None
    assert value(conn, "credits_internal.uuid_after", UUID(int=0)).int == 1
