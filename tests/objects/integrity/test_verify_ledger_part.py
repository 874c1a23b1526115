from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg.types.json import Jsonb

from objects.integrity.tampering import live, tamper
from support.api import call, new_user
from support.books import deduct, grant, no_trace, refused_argument

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    from support.databases import Database

PART = """
select
    p.*,
    array(select v.kind || ' ' || v.user_id from unnest(p.violations) as v) as found
from credits.verify_ledger_part(%s, %s, %s) as p
"""


def parts(
    conn: psycopg.Connection[Any], limit: int = 20_000, user: UUID | None = None
) -> list[Any]:
    """All parts, one after the other."""
    made: list[Any] = []
    while not made or made[-1].position is not None:
        position = Jsonb(made[-1].position) if made else None
        made.append(conn.execute(PART, (position, user, limit)).fetchone())
        assert len(made) < 200
    return made


def test_an_empty_ledger_is_one_part_and_healthy(conn: psycopg.Connection[Any]) -> None:
    (part,) = parts(conn)

    assert (part.users, part.ledger_rows, part.total_rows, part.found) == (0, 0, 0, [])


@pytest.mark.parametrize("limit", [1, 3, 11, 12, 24, 100])
def test_all_users_are_in_one_part_and_each_part_is_small(
    conn: psycopg.Connection[Any], limit: int
) -> None:
    users = sorted(live(conn, days_before=days).user for days in (80, 40, 0))
    frozen = new_user()
    call(conn, "freeze_user_credits", frozen, "never had a credit")

    with no_trace(conn):
        made = parts(conn, limit)

    assert all(part.found == [] for part in made)
    assert (sum(part.users for part in made), sum(part.ledger_rows for part in made)) == (3, 33)
    assert {part.total_rows for part in made} == {33}
    assert max(part.ledger_rows for part in made) <= limit
    ends = [
        (part.first_user_id, part.last_user_id) for part in made if part.first_user_id is not None
    ]
    assert ends == sorted(ends)
    assert all(first <= last for first, last in ends)
    for user in (*users, frozen):
        assert len([1 for first, last in ends if first <= user <= last]) == 1


@pytest.mark.parametrize("limit", [2, 100])
def test_one_user_is_verified_alone(conn: psycopg.Connection[Any], limit: int) -> None:
    user, _ = live(conn, days_before=40).user, live(conn)

    made = parts(conn, limit, user)

    assert (sum(part.users for part in made), sum(part.ledger_rows for part in made)) == (1, 11)
    assert (made[-1].first_user_id, made[-1].last_user_id) == (user, user)
    assert [part.ledger_rows for part in parts(conn, limit, new_user())] == [0]


@pytest.mark.tampers
@pytest.mark.parametrize("limit", [2, 11, 12, 100])
def test_what_the_parts_find_is_what_verify_ledger_finds(
    conn: psycopg.Connection[Any], limit: int
) -> None:
    histories = [live(conn, days_before=days) for days in (80, 40, 0)]
    for history in histories[:2]:
        tamper(
            conn,
            history,
            "update credits.credit_transactions set cost_usd = 1"
            " where user_id = %(user)s and transaction_id = %(charge)s",
        )
    for user in (new_user(), new_user()):
        grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
    conn.execute("delete from credits.user_credits where user_id = %s", (histories[2].user,))

    found = sorted(kind for part in parts(conn, limit) for kind in part.found)

    assert found == sorted(
        f"{row.kind} {row.user_id}" for row in conn.execute("select * from credits.verify_ledger()")
    )
    assert {kind.split()[0] for kind in found} == {"entry_hash", "purchase_key", "user_missing"}


def test_what_comes_while_a_user_is_verified_in_pieces_is_verified_too(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 100)
    for _ in range(5):
        deduct(conn, user, 1)

    position: Any = None
    sizes: list[int] = []
    while not sizes or position is not None:
        part: Any = conn.execute(PART, (position and Jsonb(position), user, 3)).fetchone()
        assert (part.found, part.total_rows) == ([], 6)
        position = part.position
        sizes.append(part.ledger_rows)
        deduct(conn, user, 1)

    assert sizes == [3, 3, 2]


def test_a_position_means_the_same_in_every_session(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = live(conn).user
    odd = database.connect(
        options="-c timezone=Asia/Kathmandu -c datestyle=SQL,DMY -c bytea_output=escape"
    )

    position: Any = None
    sizes: list[int] = []
    while not sizes or position is not None:
        session = (conn, odd)[len(sizes) % 2]
        part: Any = session.execute(PART, (position and Jsonb(position), user, 2)).fetchone()
        assert part.found == []
        position = part.position
        sizes.append(part.ledger_rows)

    assert sizes == [2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("limit", [None, 0, -1])
def test_a_limit_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], limit: int | None
) -> None:
    with refused_argument(conn, "p_limit", value=None if limit is None else str(limit)):
        call(conn, "verify_ledger_part", p_limit=limit)
