"""Remember how the older system names its users, where their ids are no uuids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.sql import SQL

from pgcredits.adopt.source import expressions, queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.move.progress import Watcher
    from pgcredits.adopt.plan.model import Plan

_REGISTER_USERS = read_template(__package__, "register_users.sql")


def register_users(conn: psycopg.Connection[Any], plan: Plan, watcher: Watcher) -> None:
    """Register the users of all tables as credits.register_user would, those not yet registered."""
    if plan.user_ids == "uuid":
        return
    watcher.scene("registering users")
    conn.execute(
        _REGISTER_USERS.format(
            user_id=expressions.user_id(plan, SQL("o.user_id")), all_users=queries.users(plan)
        )
    )
