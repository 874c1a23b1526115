"""Whether an older system's users can come over by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.source import queries
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.plan.model import Plan

_BAD_IDS = read_template(__package__, "bad_ids.sql")


def require_ids(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse ids that credits.user_id refuses.

    Raises:
        PlanError: There is such an id.
    """
    if plan.user_ids != "external":
        return
    for bad in conn.execute(_BAD_IDS.format(all_users=queries.users(plan))):
        raise PlanError(
            f"{bad.ids} ids of users cannot come over; the first, {bad.user_id!r}, {bad.fault}",
            "Correct them in the old tables first.",
        )
