"""What a plan leaves open: a person has to answer before anything is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.not_understood import not_understood
from pgcredits.adopt.source.catalog import read_catalog
from pgcredits.adopt.source.writers import bare_name, failing_triggers, is_accepted

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.plan.model import Plan


def require_answers(conn: psycopg.Connection[Any], plan: Plan) -> None:
    """Refuse a plan that leaves a table or a trigger unmentioned that the cut-over may break.

    Raises:
        PlanError: A table seems to keep credits and is not in the plan, or a trigger will fail.
    """
    catalog = read_catalog(conn, plan.all_schemas)
    for table, why in not_understood(catalog, plan, {}):
        raise PlanError(
            f"{table} is not understood: {why}",
            f'Describe it in the plan, or, if it keeps no credits: not_credits = ["{table}"]',
        )
    for function, table in failing_triggers(catalog, plan):
        if not is_accepted(function, plan):
            raise PlanError(
                f"after the cut-over {function} will fail, and with it every write to {table} that "
                "fires it",
                "Let it call credits.grant_user_credits, or make the table that it writes writable,"
                " or accept that: "
                f'accept_failing = ["{bare_name(function)}"]',
            )
