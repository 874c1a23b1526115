"""What came of the story, read back from the database by the roles that may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgcredits.demo.client import Client

if TYPE_CHECKING:
    from uuid import UUID

    from pgcredits.demo.client import Tally
    from pgcredits.verify import Verification

_BALANCES = """
select b.plan, b.users, b.users_with_credits, b.outstanding_credits
from credits_monitoring.balances_by_plan as b
order by b.outstanding_credits desc, b.plan
"""
_TRIAL_BALANCE = """
select b.account, b.credits from credits_monitoring.trial_balance as b order by b.account
"""
# Which lots a row moved is for the tables' owner to see.
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
class Results:
    """Everything that is printed."""

    seed: int
    users: int
    connections: int
    seconds: float
    tally: Tally
    balances: list[Any]
    trial_balance: list[Any]
    user_id: UUID
    ledger: list[Any]
    lots: list[Any]
    verification: Verification

    @property
    def calls_per_second(self) -> float:
        """Of this run, on this machine, through so many connections."""
        return self.tally.calls / self.seconds

    def as_json(self) -> dict[str, Any]:
        """For scripts; with the same seed and number of users, `totals` repeats."""
        tally = self.tally
        return {
            "seed": self.seed,
            "users": self.users,
            "totals": {
                "calls": {
                    function: {
                        "new": tally.done[function],
                        "replayed": tally.replayed[function],
                        "refused": tally.refused[function],
                        "credits": tally.credits[function],
                    }
                    for function in tally.functions
                },
                "refused": [
                    {"sqlstate": sqlstate, "code": code, "about": about, "calls": calls}
                    for (sqlstate, code, about), calls in sorted(tally.refusals.items())
                ],
                "balances_by_plan": [row._asdict() for row in self.balances],
                "trial_balance": {row.account: row.credits for row in self.trial_balance},
                "ledger_rows": self.verification.ledger_rows,
                "users": self.verification.users,
                "violations": self.verification.total,
            },
            "throughput": {
                "calls": tally.calls,
                "connections": self.connections,
                "seconds": round(self.seconds, 3),
                "calls_per_second": round(self.calls_per_second),
            },
            "refusals": [
                {
                    "sqlstate": sample.sqlstate,
                    "code": sample.code,
                    "message": str(sample),
                    "hint": sample.hint,
                    "detail": sample.figures,
                }
                for _, sample in sorted(tally.samples.items())
            ],
            "ledger_of_one_user": {
                "user_id": str(self.user_id),
                "rows": [
                    {**row._asdict(), "created_at": row.created_at.isoformat()}
                    for row in self.ledger
                ],
            },
        }


def read_results(
    dsn: str,
    *,
    seed: int,
    users: int,
    connections: int,
    seconds: float,
    tally: Tally,
    user_id: UUID,
    verification: Verification,
) -> Results:
    """Read what analysts may see as an analyst, and one user's lots as the owner."""
    with Client(dsn, "credits_analyst") as analyst, Client(dsn) as owner:
        return Results(
            seed=seed,
            users=users,
            connections=connections,
            seconds=seconds,
            tally=tally,
            balances=analyst.connection.execute(_BALANCES).fetchall(),
            trial_balance=analyst.connection.execute(_TRIAL_BALANCE).fetchall(),
            user_id=user_id,
            ledger=owner.connection.execute(_LEDGER, [user_id]).fetchall(),
            lots=owner.connection.execute(_LOTS, [user_id]).fetchall(),
            verification=verification,
        )
