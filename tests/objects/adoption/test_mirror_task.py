"""A task that an older application writes, and the deduction that paid for it, prove each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows

if TYPE_CHECKING:
    from uuid import UUID

    import psycopg

    Conn = psycopg.Connection[Any]

MIRROR = """
    select credits_internal.mirror_task(
        row(
            %(user)s, 'old.tasks', %(task)s, %(generation)s, 'kling', 'video', null,
            %(status)s::credits.generation_status, %(price)s, 0, now(),
            case when %(status)s::text = 'failed' then now() end, null,
            case when %(status)s::text = 'failed' then 'timeout' end, null, null, null, null
        )::credits_internal.imported_task,
        interval '1 day'
    )
"""


def mirror(conn: Conn, user: UUID, generation: UUID, status: str, price: int = 5) -> None:
    values = {"user": user, "generation": generation, "status": status, "price": price}
    conn.execute(MIRROR, {**values, "task": str(generation)})


def paid_task(conn: Conn) -> tuple[UUID, UUID, UUID]:
    """A user, a task in flight, and its charge."""
    user, generation = new_user(), new_user()
    call(conn, "grant_user_credits", user, 20)
    charge = call(conn, "deduct_user_credits", user, 5).transaction_id
    mirror(conn, user, generation, "processing")
    return user, generation, charge


def test_a_charge_pays_for_one_task(conn: Conn) -> None:
    user, generation, charge = paid_task(conn)
    found = call(conn, "explain_charge", user, generation).explain_charge
    assert found["charge"]["transaction_id"] == str(charge)

    second = new_user()
    mirror(conn, user, second, "failed")

    assert call(conn, "get_generation", user, second).credits_charged == 0
    assert call(conn, "get_user_credits", user).balance == 15


def test_the_charge_of_a_task_in_flight_is_not_refunded_beside_it(conn: Conn) -> None:
    user, generation, charge = paid_task(conn)
    with refused("PT409", "not_refundable"):
        call(conn, "refund_user_credits", user, charge)

    for _ in range(2):
        mirror(conn, user, generation, "failed")

    assert call(conn, "get_user_credits", user).balance == 20
    assert call(conn, "refund_user_credits", user, charge).replayed
    (reason,) = conn.execute(
        "select error_type, credits_refunded from credits_monitoring.refunds_by_reason_daily"
    ).fetchall()
    assert tuple(reason) == ("timeout", 5)


@pytest.mark.tampers
@pytest.mark.parametrize(
    "tampered",
    [
        "update credits.mirrored_tasks set charge_transaction_id = null",
        "update credits.generations set credits_charged = 4",
        "delete from credits.mirrored_tasks",
    ],
)
def test_a_link_that_was_changed_is_found(conn: Conn, tampered: str) -> None:
    user, generation, _ = paid_task(conn)
    assert rows(conn, "verify_ledger") == []
    assert rows(conn, "check_ledger") == []

    conn.execute(tampered.encode())

    found = {(row.kind, row.user_id, row.generation_id) for row in rows(conn, "verify_ledger")}
    assert found
    assert {one[1:] for one in found} == {(user, generation)}
