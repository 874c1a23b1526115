"""L8: insufficient balance when the row is missing: NULL passes the check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import NOON, Books, books, deduct, grant, refused_without_trace
from support.clock import set_clock

if TYPE_CHECKING:
    import psycopg


def test_l8_who_has_no_row_has_no_credits(conn: psycopg.Connection[Any]) -> None:
    missing, planned, frozen_once = new_user(), new_user(), new_user()
    call(conn, "set_user_plan", planned, "free")
    call(conn, "freeze_user_credits", frozen_once, None)
    call(conn, "unfreeze_user_credits", frozen_once)

    for user in (missing, planned, frozen_once):
        for key in (None, "k"):
            with refused_without_trace(
                conn, "PT402", "insufficient_credits", balance=0, required=1
            ):
                deduct(conn, user, 1, p_idempotency_key=key)
        assert books(conn, user) == Books()


def test_l8_who_has_no_lots_left_has_no_credits(conn: psycopg.Connection[Any]) -> None:
    spent, expired = new_user(), new_user()
    set_clock(conn, NOON)
    grant(conn, spent, 3)
    deduct(conn, spent, 3)
    grant(conn, expired, 3, p_expires_at=NOON.replace(hour=13))
    set_clock(conn, NOON.replace(hour=14))
    call(conn, "expire_user_credits")

    for user in (spent, expired):
        with refused_without_trace(conn, "PT402", "insufficient_credits", balance=0, required=1):
            deduct(conn, user, 1)
