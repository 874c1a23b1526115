"""The sweeps, and users for them to serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from support.api import call, new_user
from support.books import NOON, grant
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    import psycopg


@dataclass(frozen=True)
class Sweep:
    """One of the functions that serve users whose time has come."""

    function: str
    # Makes so many users that are due, in the order in which their time came.
    make_due: Callable[[psycopg.Connection[Any], int], list[UUID]]
    # So many more, sooner than those of make_due, in one statement.
    make_many_due: Callable[[psycopg.Connection[Any], int], object]
    # What a user has before and after, and what the sweep's row says in between.
    before: int
    credits: int

    def row(self, user: UUID) -> tuple[UUID, None, int, None]:
        """What the sweep answers for a user that it served."""
        return user, None, self.credits, None


def _expired(conn: psycopg.Connection[Any], n: int) -> list[UUID]:
    set_clock(conn, NOON)
    users = [new_user() for _ in range(n)]
    for i, user in enumerate(users):
        expiry = NOON + timedelta(hours=1, seconds=i)
        grant(conn, user, 10, p_source="promo", p_expires_at=expiry)
    set_clock(conn, NOON + timedelta(hours=2))
    return users


def _subscribed(conn: psycopg.Connection[Any], n: int) -> list[UUID]:
    users = [new_user() for _ in range(n)]
    for i, user in enumerate(users):
        set_clock(conn, NOON + timedelta(seconds=i))
        call(conn, "set_user_plan", user, "plus")
    return users


def _many_expired(conn: psycopg.Connection[Any], n: int) -> None:
    set_clock(conn, NOON)
    conn.execute(
        "select g.* from generate_series(1, %s) as i cross join lateral"
        " credits.grant_user_credits(md5(i::text)::uuid, 10, 'promo', %s) as g",
        (n, NOON + timedelta(minutes=1)),
    )
    set_clock(conn, NOON + timedelta(minutes=2))


def _many_subscribed(conn: psycopg.Connection[Any], n: int) -> None:
    set_clock(conn, NOON)
    conn.execute(
        "select p.* from generate_series(1, %s) as i cross join lateral"
        " credits.set_user_plan(md5(i::text)::uuid, 'plus') as p",
        (n,),
    )


SWEEPS = [
    Sweep("expire_user_credits", _expired, _many_expired, before=10, credits=-10),
    Sweep("apply_allowances", _subscribed, _many_subscribed, before=0, credits=50),
]
