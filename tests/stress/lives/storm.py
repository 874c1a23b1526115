"""The storm: everything that can be reported of a generation, thrice each, at once, in any order.

What is reported of one generation is consistent with itself (one kind of failure, one final price),
so that its terminal state alone tells what must have come back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from support.api import call, new_user, rows

if TYPE_CHECKING:
    import random
    import uuid

    import psycopg

SESSIONS = 16
USERS = 25
GENERATIONS = 500
TIMES = 3
GRANTED = 10_000
PROVIDER = "acme"
# None of them divides: part credits are rounded up. What a cancelled one gives back before the
# failure raises it is left at nothing, as seeded: nobody is paid twice then.
PERCENT = {"internal_error": 50, "timeout": 70}
#: How many reports of a generation are kept as events or counted as repeats, by how it ended: each
#: of its callbacks and failures and each success, but not every cancellation of what has ended.
REPORTS = {"timed_out": (12, 12), "succeeded": (13, 13), "failed": (12, 13), "cancelled": (10, 11)}


@dataclass(frozen=True)
class Generation:
    """One generation of the storm."""

    user: uuid.UUID
    generation: uuid.UUID
    charge: int
    price: int | None
    task: str
    attached: bool


@dataclass(frozen=True)
class Shot:
    """One call of the storm. A sweep is nobody's own: it takes what is due."""

    of: Generation
    kind: str

    def fire(self, conn: psycopg.Connection[Any]) -> Any:
        """Make the call; returns its one row, of a sweep all rows."""
        of = self.of
        if self.kind == "attach":
            return call(conn, "attach_provider_task", of.user, of.generation, of.task)
        if self.kind == "complete":
            return call(
                conn,
                "complete_generation",
                of.user,
                of.generation,
                of.price,
                p_cost_usd=Decimal("0.5"),
            )
        if self.kind == "fail":
            return call(conn, "fail_generation", of.user, of.generation, "internal_error")
        if self.kind == "cancel":
            return call(conn, "cancel_generation", of.user, of.generation)
        if self.kind == "success":
            return call(conn, "handle_provider_callback", PROVIDER, of.task, "200")
        if self.kind == "failure":
            return call(conn, "handle_provider_callback", PROVIDER, of.task, "500", "broken")
        assert self.kind == "sweep"
        return rows(conn, "sweep_stuck_generations", p_limit=1)


KINDS = ["complete", "fail", "cancel", "success", "failure", "sweep"]


def set_policies(conn: psycopg.Connection[Any]) -> None:
    """Percents that show who settled."""
    for error_type, percent in PERCENT.items():
        conn.execute(
            "update credits.refund_policies set refund_percent = %s where error_type = %s",
            (percent, error_type),
        )


def new_users(conn: psycopg.Connection[Any]) -> list[uuid.UUID]:
    """Users who can pay for the storm, from several lots."""
    users = [new_user() for _ in range(USERS)]
    for user in users:
        call(conn, "grant_user_credits", user, 77, p_priority=1)
        call(conn, "grant_user_credits", user, GRANTED - 77)
    return users


def start(
    conn: psycopg.Connection[Any], users: list[uuid.UUID], n: int, rng: random.Random
) -> list[Generation]:
    """Start so many generations whose deadline passes at once; half of the tasks are attached."""
    started = []
    for i in range(n):
        user = users[i % len(users)]
        charge = rng.randint(1, 30)
        made = call(
            conn,
            "start_generation",
            user,
            PROVIDER,
            "image",
            charge,
            p_timeout="1 microsecond",
        )
        one = Generation(
            user=user,
            generation=made.generation_id,
            charge=charge,
            # As charged, nothing, less, or more than was charged.
            price=rng.choice([None, 0, charge // 2, charge, charge + 5]),
            task=f"task {made.generation_id}",
            attached=i % 2 == 0,
        )
        if one.attached:
            Shot(one, "attach").fire(conn)
        started.append(one)
    return started


def shots_at(generations: list[Generation], rng: random.Random) -> list[Shot]:
    """All calls, in random order."""
    shots = [
        Shot(one, kind)
        for one in generations
        for kind in [*KINDS, *([] if one.attached else ["attach"])]
        for _ in range(TIMES)
    ]
    rng.shuffle(shots)
    return shots


def due(one: Generation, status: str, cancelled_in: str | None) -> int:
    """What must have been refunded of a generation, given how it ended."""

    def percent(error_type: str) -> int:
        return -(-one.charge * PERCENT[error_type] // 100)

    if status == "succeeded":
        return one.charge - min(one.charge, one.charge if one.price is None else one.price)
    if status == "timed_out":
        return percent("timeout")
    if status == "cancelled" and cancelled_in == "pending":
        return one.charge
    # A cancelled one that the provider had was raised to its failure.
    return percent("internal_error")


def assert_settled(
    conn: psycopg.Connection[Any],
    generations: list[Generation],
    times: int = 1,
) -> Counter[str]:
    """After the storm: each one has ended once and gave back what is right for how it ended.

    Args:
        conn: Any connection as the owner.
        generations: All there are.
        times: How often everything was reported, at most; once, at least.

    Returns:
        How many ended in each status.
    """
    found = {row.generation_id: row for row in conn.execute(STATES)}
    assert set(found) == {one.generation for one in generations}

    ends: Counter[str] = Counter()
    net: defaultdict[uuid.UUID, int] = defaultdict(int)
    for one in generations:
        row = found[one.generation]
        about = f"{one}: {row}"
        ends[row.status] += 1
        net[one.user] += one.charge - row.refunded

        assert row.settled == 1, about
        assert row.refund_rows <= 1, about
        assert row.refund_failed == 0, about
        assert row.refund_owed_since is None, about
        assert row.refunded == row.refund_due_credits == row.returned, about
        assert row.refunded == due(one, row.status, row.cancelled_in), about
        assert row.provider_task_id == one.task, about
        least, most = REPORTS[row.status]
        assert least <= row.reports <= times * most, about

    for user in {one.user for one in generations}:
        assert call(conn, "get_user_credits", user).balance == GRANTED - net[user]
    assert conn.execute("select * from credits.provider_callbacks").fetchall() == []
    assert rows(conn, "settle_owed_refunds") == []
    assert rows(conn, "sweep_stuck_generations") == []
    assert rows(conn, "verify_ledger") == []
    alerts = {row.type for row in conn.execute("select a.type from credits.system_alerts as a")}
    assert alerts == {"conflicting_failure", "late_success_after_refund", "price_above_charge"}
    assert set(ends) == {"succeeded", "failed", "cancelled", "timed_out"}
    return ends


STATES = """
    select
        g.generation_id,
        g.status::text,
        g.refund_due_credits,
        g.refund_owed_since,
        g.provider_task_id,
        coalesce(r.refunded, 0)::integer as refunded,
        e.*,
        t.*
    from credits.generations as g
    left join credits.refund_totals as r
        on r.user_id = g.user_id and r.transaction_id = g.charge_transaction_id
    cross join lateral (
        select
            count(*) filter (
                where e.applied
                and e.event in ('success', 'failure', 'cancel', 'deadline')
                and e.status_before in ('pending', 'processing')
            ) as settled,
            count(*) filter (where e.event = 'refund_failed') as refund_failed,
            g.repeated_reports
            + count(*) filter (where e.event in ('success', 'failure', 'cancel')) as reports,
            max(e.status_before::text) filter (
                where e.applied and e.event = 'cancel'
            ) as cancelled_in
        from credits.generation_events as e
        where e.user_id = g.user_id and e.generation_id = g.generation_id
    ) as e
    cross join lateral (
        select
            count(*) as refund_rows,
            coalesce(sum(t.credits), 0)::integer as returned
        from credits.credit_transactions as t
        where t.user_id = g.user_id and t.refund_of = g.charge_transaction_id
    ) as t
"""
