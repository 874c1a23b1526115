"""L13: payment webhooks without deduplication; a plan change wipes purchased credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from command_line.adopt import systems
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from support.api import call, new_user, refused

if TYPE_CHECKING:
    import psycopg


def balance(conn: psycopg.Connection[Any], user: Any) -> int:
    found: int = call(conn, "get_user_credits", user).balance
    return found


def test_l13_a_purchase_needs_the_payments_id(conn: psycopg.Connection[Any]) -> None:
    with refused("PT422", "invalid_argument"):
        call(conn, "grant_user_credits", new_user(), 100, "purchase")


def test_l13_a_webhook_that_comes_twice_is_paid_once(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    for _ in range(3):
        call(conn, "grant_user_credits", user, 100, "purchase", p_idempotency_key="pi_1")

    assert balance(conn, user) == 100


def test_l13_a_change_of_plan_leaves_what_was_bought(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, 100, "purchase", p_idempotency_key="pi_1")
    for plan in ("free", "pro", None):
        call(conn, "set_user_plan", user, plan)

    assert balance(conn, user) == 100


def test_l13_by_its_old_name_too(conn: psycopg.Connection[Any]) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, systems.Nobody())
    install(conn, plan, "legacy")
    update = "select legacy.update_user_credits(%s, %s, %s, 'words', %s, null)"

    for _ in range(2):
        conn.execute(update, [systems.user(2), 25, "purchase", "pi_1"])
    conn.execute(update, [systems.user(2), 10, "plan_change", "plan-1"])

    # 150 came over, 100 of them bought.
    assert balance(conn, systems.user(2)) == 150 + 25 + 10
