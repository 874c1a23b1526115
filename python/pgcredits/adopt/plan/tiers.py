"""Which plan of pgcredits the users of each old tier come to: nobody silently gets less."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.source import expressions
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    import psycopg

    from pgcredits.adopt.plan.model import Balances, Plan

_PLANS = "select p.plan, p.monthly_credits from credits.plans as p"
_PROMISED_ALLOWANCES = read_template(__package__, "promised_allowances.sql")


@dataclass(frozen=True)
class Promise:
    """What some users of a tier were promised.

    Attributes:
        tier: Its word in the old table.
        allowance: Credits a month, in units of the old system.
        users: How many users were.
        is_usual: Whether no other allowance of this tier is more frequent.
    """

    tier: str
    allowance: Decimal
    users: int
    is_usual: bool

    @property
    def word(self) -> str:
        """How a plan names these users, where they differ from others of their tier."""
        return f"{self.tier}/{self.allowance:f}"


def promises(conn: psycopg.Connection[Any], part: Balances) -> list[Promise]:
    """What users of each tier were promised, the most frequent of each tier first."""
    if not (part.tier and part.allowance):
        return []
    found = conn.execute(
        _PROMISED_ALLOWANCES.format(
            tier=expressions.column(part.tier),
            allowance=expressions.column(part.allowance),
            table=expressions.table(part.table),
        )
    ).fetchall()
    return [
        Promise(row.tier, row.allowance, row.users, is_usual=place == 0)
        for _, rows in groupby(found, key=lambda row: row.tier)
        for place, row in enumerate(rows)
    ]


def plans_of_tiers(conn: psycopg.Connection[Any], part: Balances) -> dict[str, str]:
    """The words of a plan's tiers, and their plans as credits.plans spells them."""
    known = {row.plan for row in conn.execute(_PLANS)}
    return {word: _spelt(plan, known) for word, plan in part.tiers.items()}


def _spelt(plan: str, known: set[str]) -> str:
    """The plan of this name, in whatever case; the name itself where there is none, or several."""
    alike = [one for one in known if one.casefold() == plan.casefold()]
    return alike[0] if plan not in known and len(alike) == 1 else plan


def require_plans(conn: psycopg.Connection[Any], plan: Plan, part: Balances) -> None:
    """Refuse tiers whose plan is missing, or brings another allowance than was promised.

    Raises:
        PlanError: One of these.
    """
    known = {row.plan: row.monthly_credits for row in conn.execute(_PLANS)}
    tiers = plans_of_tiers(conn, part)
    for word, name in tiers.items():
        if name not in known:
            raise PlanError(
                f"{part.table}: {word!r} stands for plan {name!r}, which is not in credits.plans",
                "Insert it there, or leave the word out: its users have no plan then.",
            )
    for promise in promises(conn, part):
        _require_kept(plan, part, promise, tiers, known)


def _require_kept(
    plan: Plan,
    part: Balances,
    promise: Promise,
    tiers: Mapping[str, str],
    known: Mapping[str, int],
) -> None:
    name = tiers.get(promise.tier, "")
    # Whoever names these users with their allowance knows what they get.
    if promise.word in tiers or name not in known:
        return
    promised, here = promise.allowance * plan.credits_per_unit, known[name]
    if promise.is_usual and promised != here:
        raise PlanError(
            f"{part.table}: {promise.tier!r} brings {promised:f} credits a month, and plan "
            f"{name!r} brings {here}",
            "Update credits.plans, or name another plan for the tier.",
        )
    if promised > here:
        raise PlanError(
            f"{part.table}: {promise.users} users of {promise.tier!r} were promised {promised:f} "
            f"credits a month, and plan {name!r} brings {here}",
            f'Name a plan for them in tiers: "{promise.word}" = "..."; with {name!r} they get '
            "less, and the plan says so.",
        )
