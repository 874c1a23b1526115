"""Find what is owed to users, pay it, and tell who got how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    import psycopg

    from pgcredits.adopt.move.progress import Watcher

BATCH = 1000
#: A limit above any number of owed refunds.
_ALL = 2_147_483_647

_SETTLE = """
select
    s.*,
    (
        select g.external_user_id
        from credits_monitoring.generation_facts as g
        where g.user_id = s.user_id and g.generation_id = s.generation_id
    ) as external_user_id
from credits.settle_owed_refunds(p_dry_run => %s, p_limit => %s) as s
"""


@dataclass
class User:
    """What one user is owed, and what was paid.

    Attributes:
        user_id: The user.
        generations: The generations that credits are owed for.
        owed: Credits owed before the payment.
        paid: Credits that were paid back now.
        errors: Why some of it could not be paid.
        external_user_id: The user's id in the application; None = user_id is that.
    """

    user_id: UUID
    generations: list[UUID] = field(default_factory=list)
    owed: int = 0
    paid: int = 0
    errors: list[str] = field(default_factory=list)
    external_user_id: str | None = None


def show_owed(conn: psycopg.Connection[Any]) -> list[User]:
    """What each user is owed, the largest sum first; nothing is paid."""
    return _by_user(conn.execute(_SETTLE, [True, _ALL]))


def pay_owed(
    conn: psycopg.Connection[Any], watcher: Watcher, keep: Callable[[list[User]], None]
) -> list[User]:
    """Pay all that is owed, in batches of a transaction each.

    Args:
        conn: A connection of a member of credits_operator, in autocommit.
        watcher: Is told how many generations were paid.
        keep: Is handed the users and what each got, also when the connection is lost midway.

    Returns:
        Who got how much. Busy users are left out: the next run finds them.
    """
    attempts: list[Any] = []
    try:
        _pay(conn, watcher, attempts)
    finally:
        latest = {(row.user_id, row.generation_id): row for row in attempts}
        users = _by_user(latest.values())
        keep(users)
    return users


def _pay(conn: psycopg.Connection[Any], watcher: Watcher, attempts: list[Any]) -> None:
    owed = len(conn.execute(_SETTLE, [True, _ALL]).fetchall())
    watcher.scene("paying what is owed", owed)
    while True:
        served = conn.execute(_SETTLE, [False, BATCH]).fetchall()
        attempts += served
        watcher.reach(sum(row.error is None for row in attempts))
        # A refund that cannot be paid is found again by every call: stop when only such are left.
        if not any(row.error is None for row in served):
            break


def _by_user(rows: Iterable[Any]) -> list[User]:
    users: dict[UUID, User] = {}
    for row in rows:
        user = users.setdefault(
            row.user_id, User(row.user_id, external_user_id=row.external_user_id)
        )
        user.generations.append(row.generation_id)
        user.owed += row.credits_owed or 0
        user.paid += row.credits_refunded
        if row.error is not None:
            user.errors.append(row.error)
    return sorted(users.values(), key=lambda user: (-user.owed, str(user.user_id)))
