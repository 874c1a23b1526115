"""The demo's results, judged from the ledger: what each generation cost, and should have cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pgcredits.demo.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from pgcredits.demo.provider import Order
    from pgcredits.demo.scenarios import Scenario
    from pgcredits.demo.stage import Play
    from pgcredits.verify import Verification

# Charges and refunds are summed from the ledger, not read from the generations.
_GENERATIONS = """
select
    t.generation_id,
    coalesce(g.status::text, 'missing') as status,
    count(*) filter (where t.transaction_type = 'deduction') as charges,
    coalesce(-sum(t.credits) filter (where t.transaction_type = 'deduction'), 0)::bigint as charged,
    coalesce(sum(t.credits) filter (where t.transaction_type = 'refund'), 0)::bigint as refunded
from credits.credit_transactions as t
left join credits.generations as g
    on
        t.user_id = g.user_id
        and t.generation_id = g.generation_id
where t.generation_id is not null
group by
    t.user_id,
    t.generation_id,
    g.status
"""
_ALERTS = """
select
    a.type,
    count(*) filter (where a.resolved_at is null) as open,
    count(a.resolved_at) as resolved
from credits.system_alerts as a
group by a.type
order by a.type
"""
_TRIAL_BALANCE = """
select b.account, b.credits from credits_monitoring.trial_balance as b order by b.account
"""
_LEDGER = """
select
    t.seq,
    t.created_at,
    t.transaction_type::text,
    t.source::text,
    t.credits,
    t.balance_after,
    t.allocations,
    t.reason
from credits.credit_transactions as t
where t.user_id = %s
order by t.seq
"""
_LOTS = """
select
    l.lot_id::text,
    l.source::text,
    l.granted,
    l.remaining,
    l.revoked_owed,
    l.expires_at,
    l.unit_price_usd
from credits.credit_lots as l
where l.user_id = %s
order by l.lot_id
"""


@dataclass(frozen=True)
class Wrong:
    """A generation that did not end as it should."""

    scenario: str
    generation_id: str
    status: str
    price: int
    charged: int
    refunded: int
    owed: int | None

    @property
    def net(self) -> int:
        """What the generation cost."""
        return self.charged - self.refunded


@dataclass
class Outcome:
    """What became of all generations of one scenario."""

    scenario: Scenario
    generations: int = 0
    charged: int = 0
    refunded: int = 0
    ended_as: Counter[str] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def net(self) -> int:
        """What the generations cost together."""
        return self.charged - self.refunded

    def add(self, order: Order, row: Any) -> None:
        """Judge a generation: its price charged once, a right status, the net price of that."""
        status, charges, charged, refunded = (
            (row.status, row.charges, row.charged, row.refunded) if row else ("missing", 0, 0, 0)
        )
        self.generations += 1
        self.charged += charged
        self.refunded += refunded
        self.ended_as[status] += 1
        owes = self.scenario.owes.get(status)
        owed = owes(order.price) if owes else None
        if (charges, charged, charged - refunded) != (1, order.price, owed):
            self.wrong.append(
                Wrong(
                    scenario=self.scenario.title,
                    generation_id=str(order.generation_id),
                    status=status,
                    price=order.price,
                    charged=charged,
                    refunded=refunded,
                    owed=owed,
                )
            )


def judge(orders: Iterable[Order], rows: Iterable[Any]) -> list[Outcome]:
    """The outcome of every scenario, in their order."""
    found = {row.generation_id: row for row in rows}
    outcomes: dict[str, Outcome] = {}
    for order in orders:
        outcome = outcomes.setdefault(order.scenario.title, Outcome(order.scenario))
        outcome.add(order, found.get(order.generation_id))
    return list(outcomes.values())


@dataclass(frozen=True)
class Results:
    """All results that the demo prints."""

    users: int
    play: Play
    outcomes: list[Outcome]
    alerts: list[Any]
    trial_balance: list[Any]
    user_id: UUID
    ledger: list[Any]
    lots: list[Any]
    verification: Verification

    @property
    def wrong(self) -> list[Wrong]:
        """Every generation that did not end as it should."""
        return [wrong for outcome in self.outcomes for wrong in outcome.wrong]

    @property
    def calls_per_second(self) -> float:
        """Calls per second of this run, on this machine."""
        return self.play.calls / self.play.seconds

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "users": self.users,
            "scenarios": [
                {
                    "scenario": outcome.scenario.title,
                    "generations": outcome.generations,
                    "ended_as": dict(outcome.ended_as),
                    "charged": outcome.charged,
                    "refunded": outcome.refunded,
                    "net": outcome.net,
                    "net_is_right": not outcome.wrong,
                }
                for outcome in self.outcomes
            ],
            "wrong": [{**vars(wrong), "net": wrong.net} for wrong in self.wrong],
            "totals": {
                "generations": sum(outcome.generations for outcome in self.outcomes),
                "charged": sum(outcome.charged for outcome in self.outcomes),
                "refunded": sum(outcome.refunded for outcome in self.outcomes),
                "net": sum(outcome.net for outcome in self.outcomes),
                "wrong": len(self.wrong),
                "trial_balance": {row.account: row.credits for row in self.trial_balance},
                "ledger_rows": self.verification.ledger_rows,
                "users": self.verification.users,
                "violations": self.verification.total,
            },
            "alerts": [row._asdict() for row in self.alerts],
            "throughput": {
                "calls": self.play.calls,
                "replays": self.play.replays,
                "connections": self.play.connections,
                "seconds": round(self.play.seconds, 3),
                "calls_per_second": round(self.calls_per_second),
            },
            "ledger_of_one_user": {
                "user_id": str(self.user_id),
                "rows": [
                    {**row._asdict(), "created_at": row.created_at.isoformat()}
                    for row in self.ledger
                ],
            },
        }


def read_results(
    dsn: str, *, users: int, play: Play, user_id: UUID, verification: Verification
) -> Results:
    """Read the views as an analyst, and the tables as their owner."""
    with Client(dsn, "credits_analyst") as analyst, Client(dsn) as owner:
        return Results(
            users=users,
            play=play,
            outcomes=judge(play.orders, owner.connection.execute(_GENERATIONS)),
            alerts=owner.connection.execute(_ALERTS).fetchall(),
            trial_balance=analyst.connection.execute(_TRIAL_BALANCE).fetchall(),
            user_id=user_id,
            ledger=owner.connection.execute(_LEDGER, [user_id]).fetchall(),
            lots=owner.connection.execute(_LOTS, [user_id]).fetchall(),
            verification=verification,
        )
