from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import new_user
from support.books import NOON, deduct, entries, grant, lots
from support.clock import set_clock

if TYPE_CHECKING:
    import random
    from uuid import UUID

    import psycopg

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)


def uuid_v7(conn: psycopg.Connection[Any], *times: datetime) -> list[UUID]:
    query = (
        "select credits_internal.uuid_v7(t.at) as id"
        " from unnest(%s::timestamptz[]) with ordinality as t (at, n) order by t.n"
    )
    return [row.id for row in conn.execute(query, (list(times),)).fetchall()]


def expected_top(at: datetime) -> int:
    """The first 64 bits by RFC 9562: milliseconds, version 7, and a fraction by method 3.

    Method 3 of its section 6.2: what is left of the time, as a fraction of a millisecond, times
    2^12, rounded down.
    """
    ms, us = divmod((at - EPOCH) // timedelta(microseconds=1), 1000)
    return ms << 16 | 7 << 12 | us * 4096 // 1000


@pytest.mark.parametrize(
    "at",
    [
        EPOCH,
        EPOCH + timedelta(microseconds=1),
        datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
        datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, 1, tzinfo=UTC),
        LAST,
    ],
)
def test_an_id_is_a_version_7_uuid_of_its_time(conn: psycopg.Connection[Any], at: datetime) -> None:
    (made,) = uuid_v7(conn, at)

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 64 == expected_top(at)


def test_any_microsecond_is_exact(conn: psycopg.Connection[Any], rng: random.Random) -> None:
    span = (LAST - EPOCH) // timedelta(microseconds=1)
    times = [EPOCH + timedelta(microseconds=rng.randrange(span)) for _ in range(3000)]

    made = uuid_v7(conn, *times)

    assert [one.int >> 64 for one in made] == [expected_top(at) for at in times]


def test_ids_of_following_microseconds_rise(conn: psycopg.Connection[Any]) -> None:
    times = [NOON + timedelta(microseconds=i) for i in range(2500)]

    made = uuid_v7(conn, *times)

    assert made == sorted(made)
    assert len({one.int >> 64 for one in made}) == 2500


def test_ids_of_one_microsecond_differ(conn: psycopg.Connection[Any]) -> None:
    made = uuid_v7(conn, *[NOON] * 1000)

    assert len(set(made)) == 1000
    assert len({one.int >> 64 for one in made}) == 1
    # All of the 62 bits are random: each is 1 in about half of the ids.
    for bit in range(62):
        assert 350 < sum(one.int >> bit & 1 for one in made) < 650


def test_postgresql_reads_the_same_time_from_it(conn: psycopg.Connection[Any]) -> None:
    if conn.info.server_version < 180000:
        # 17 has the function, but it reads version 1 only: 48 bits of milliseconds are all there
        # is to compare.
        (made,) = uuid_v7(conn, NOON)
        assert EPOCH + timedelta(milliseconds=made.int >> 80) == NOON
        return
    at = NOON + timedelta(microseconds=123456)
    row = conn.execute(
        "select uuid_extract_timestamp(i.id) as at, uuid_extract_version(i.id) as version"
        " from (select credits_internal.uuid_v7(%s) as id) as i",
        (at,),
    ).fetchone()

    assert row is not None
    assert row.version == 7
    assert timedelta(0) <= at - row.at < timedelta(milliseconds=1)


def test_ids_in_the_ledger_are_in_the_order_of_its_rows(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)  # the clock stands: every row is one microsecond later
    user = new_user()
    grant(conn, user, 1000)
    for _ in range(50):
        deduct(conn, user, 1)

    found = entries(conn, user)

    assert [entry.seq for entry in found] == list(range(1, 52))
    assert [entry.transaction_id for entry in found] == sorted(e.transaction_id for e in found)
    assert [entry.transaction_id.int >> 64 for entry in found] == [
        expected_top(entry.created_at) for entry in found
    ]
    (lot,) = lots(conn, user)
    assert lot.lot_id.int >> 64 == expected_top(lot.created_at)
