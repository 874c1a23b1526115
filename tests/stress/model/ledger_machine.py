"""Random histories of a few users: every call is made to the database and to the oracle."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from stress.model.money_rules import Account, Answer, Oracle, Plan, RefusedError
from support.api import call, rows, value
from support.clock import set_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.databases import Database

START = datetime(2031, 1, 30, 12, tzinfo=UTC)
# Zones without a database of zones: Python may not have one.
ZONES = {"UTC": 0, "Etc/GMT-13": 13, "Etc/GMT+5": -5}
STEPS = {
    "a microsecond": timedelta(microseconds=1),
    "a second": timedelta(seconds=1),
    "a while": timedelta(minutes=40),
    "a day": timedelta(days=1),
    "a week": timedelta(days=8),
    "a month": timedelta(days=31),
}
LIFETIMES = {
    "never": None,
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "10 days": timedelta(days=10),
    "40 days": timedelta(days=40),
    "over": timedelta(seconds=-1),
}
SOURCES = ["purchase", "allowance", "promo", "referral", "goodwill", "import", "adjustment"]
PLANS = {"free": Plan(5, 0), "plus": Plan(30, 12), "pro": Plan(60, 1000)}

places = st.integers(0, 10**6)
whom = st.integers(0, 2)
amounts = st.one_of(st.integers(1, 30), st.none())
reasons = st.sampled_from([None, "a reason", "another ☃"])
metadatas = st.sampled_from([{}, {"job": 1}, {"tags": ["a", None], "ä": {"b": 1.50}}])
limits = st.sampled_from([1, 2, 100])


@dataclass(frozen=True)
class Made:
    """A call with a key that was made and answered, to be repeated."""

    user: uuid.UUID
    function: str
    target: int | None
    credits: int | None
    source: str | None
    key: str


@dataclass
class Tally:
    """What happened in all examples together."""

    steps: int = 0
    seen: Counter[str] = field(default_factory=Counter)


class LedgerMachine(RuleBasedStateMachine):
    """Three users, their plans and the clock, driven at random.

    Args:
        database: Where pgcredits is deployed; other users in it have nothing that could expire,
            and no plan.
        tally: Counts.
    """

    def __init__(self, database: Database, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        #: Whether nothing has gone wrong yet.
        self.sound = False
        self.conn = database.connect()
        self.users = [uuid.uuid4() for _ in range(3)]
        self.made: list[Made] = []
        self.keys = 0
        self.now = START

    @initialize(
        zone=st.sampled_from(sorted(ZONES)),
        grace=st.sampled_from([timedelta(days=1), timedelta(days=7)]),
        threshold=st.sampled_from([None, 10]),
        purchases=st.lists(st.integers(1, 50), min_size=3, max_size=6),
        plans=st.lists(st.sampled_from(sorted(PLANS)), min_size=1, max_size=2),
    )
    def begin(
        self,
        zone: str,
        grace: timedelta,
        threshold: int | None,
        purchases: list[int],
        plans: list[str],
    ) -> None:
        self.oracle = Oracle(
            {name: Plan(plan.monthly, plan.rollover_max) for name, plan in PLANS.items()},
            zone=timezone(timedelta(hours=ZONES[zone])),
            grace=grace,
            default_threshold=threshold,
        )
        self.conn.execute(
            "update credits.settings set business_time_zone = %s, refund_grace = %s,"
            " default_low_balance_threshold = %s, full_check_every = '36525 days'",
            (zone, grace, threshold),
        )
        for name in PLANS:
            self.store_plan(name)
        set_clock(self.conn, self.now)
        self.sound = True
        for who, plan in enumerate(plans):
            self.set_plan(who, plan)
        for who, amount in enumerate(purchases):
            self.buy(who % len(self.users), amount)

    # --- time -------------------------------------------------------------------------------------

    @rule(step=st.sampled_from(sorted(STEPS)))
    def time_passes(self, step: str) -> None:
        self.set_time(self.now + STEPS[step])

    @rule(who=whom, late=st.booleans())
    def time_passes_until_an_expiry(self, who: int, late: bool) -> None:
        account = self.oracle.accounts.get(self.users[who])
        due = account.next_due if account else None
        if due is not None and due > self.now:
            self.set_time(due if late else due - timedelta(microseconds=1))

    @rule(who=whom)
    def the_clock_is_put_back(self, who: int) -> None:
        self.set_time(self.now - timedelta(minutes=7 * (who + 1)))

    def set_time(self, now: datetime) -> None:
        self.now = set_clock(self.conn, now)

    def tick(self) -> None:
        """Calls are seldom made in the same microsecond; on a clock that stands they are."""
        self.set_time(self.now + timedelta(milliseconds=1))

    # --- money ------------------------------------------------------------------------------------

    @rule(
        who=whom,
        amount=st.integers(1, 50),
        source=st.sampled_from(SOURCES),
        lifetime=st.sampled_from(sorted(LIFETIMES)),
        month_end=st.booleans(),
        priority=st.sampled_from([None, None, 10, 100, 101]),
        price=st.sampled_from([None, Decimal(0), Decimal("0.01")]),
        reason=reasons,
        metadata=metadatas,
        keyed=st.booleans(),
        tick=st.booleans(),
    )
    def grant(
        self,
        who: int,
        amount: int,
        source: str,
        lifetime: str,
        month_end: bool,
        priority: int | None,
        price: Decimal | None,
        reason: str | None,
        metadata: dict[str, Any],
        keyed: bool,
        tick: bool,
    ) -> None:
        if tick:
            self.tick()
        user = self.users[who]
        lives = LIFETIMES[lifetime]
        expires_at = None if lives is None else self.now + lives
        # An allowance lives until a month's end: what else it could mean is nowhere said.
        if month_end or (source == "allowance" and expires_at is not None):
            expires_at = self.oracle.month_end(self.now)
        key = self.new_key() if keyed else None
        answer = self.move(
            lambda: self.oracle.grant(
                user,
                self.now,
                amount,
                source,
                expires_at=expires_at,
                priority=priority,
                unit_price=price,
                reason=reason,
                key=key,
                metadata=metadata,
            ),
            "grant_user_credits",
            user,
            amount,
            p_source=source,
            p_expires_at=expires_at,
            p_priority=priority,
            p_unit_price_usd=price,
            p_reason=reason,
            p_idempotency_key=key,
            p_metadata=metadata,
        )
        self.keep(answer, key, user, "grant", None, amount, source)

    @rule(who=whom, amount=st.integers(1, 50))
    def buy(self, who: int, amount: int) -> None:
        self.grant(
            who,
            amount,
            source="purchase",
            lifetime="never",
            month_end=False,
            priority=None,
            price=Decimal("0.01"),
            reason=None,
            metadata={},
            keyed=True,
            tick=True,
        )

    @rule(
        who=whom,
        share=st.integers(1, 100),
        cost=st.sampled_from([None, Decimal("0.039"), Decimal("1.2345675")]),
        reason=reasons,
        metadata=metadatas,
        keyed=st.booleans(),
        tick=st.booleans(),
    )
    def deduct(
        self,
        who: int,
        share: int,
        cost: Decimal | None,
        reason: str | None,
        metadata: dict[str, Any],
        keyed: bool,
        tick: bool,
    ) -> None:
        """A hundredth of what there is, up to all of it."""
        if tick:
            self.tick()
        user = self.users[who]
        amount = self.spendable(user) * share // 100 or 1
        key = self.new_key() if keyed else None
        answer = self.move(
            lambda: self.oracle.deduct(
                user,
                self.now,
                amount,
                reason=reason,
                key=key,
                cost=cost and cost.quantize(Decimal("0.000001"), "ROUND_HALF_UP"),
                metadata=metadata,
            ),
            "deduct_user_credits",
            user,
            amount,
            p_cost_usd=cost,
            p_reason=reason,
            p_idempotency_key=key,
            p_metadata=metadata,
        )
        self.keep(answer, key, user, "deduction", None, amount, None)

    @rule(who=whom, beyond=st.integers(1, 300))
    def spend_more_than_there_is(self, who: int, beyond: int) -> None:
        """Refused, unless an expiry brings a rollover first."""
        user = self.users[who]
        amount = self.spendable(user) + beyond
        self.move(
            lambda: self.oracle.deduct(user, self.now, amount),
            "deduct_user_credits",
            user,
            amount,
        )

    @rule(who=whom, amount=st.integers(1, 50), share=st.integers(20, 100), later=st.integers(1, 4))
    def refund_when_the_lot_has_expired(
        self, who: int, amount: int, share: int, later: int
    ) -> None:
        self.grant(
            who,
            amount,
            source="promo",
            lifetime="an hour",
            month_end=False,
            priority=1,
            price=Decimal(0),
            reason=None,
            metadata={},
            keyed=False,
            tick=True,
        )
        for _ in range(later):
            # At first from the lot that expires, then from what came back.
            self.deduct(who, share, cost=None, reason=None, metadata={}, keyed=False, tick=True)
            self.set_time(self.now + timedelta(hours=25))
            self.refund_now(self.users[who], self.pick(self.users[who], -1, "deduction"), None)

    @rule(who=whom, place=places, amount=amounts, reason=reasons, keyed=st.booleans())
    def refund(
        self, who: int, place: int, amount: int | None, reason: str | None, keyed: bool
    ) -> None:
        user = self.users[who]
        if self.pick(user, place, "deduction") is None:
            self.deduct(who, 50, cost=None, reason=reason, metadata={}, keyed=keyed, tick=True)
        target = self.pick(user, place, "deduction")
        key = self.new_key() if keyed else None
        self.refund_now(user, target, amount, reason, key)

    @rule(who=whom, place=places, reason=reasons)
    def refund_a_part(self, who: int, place: int, reason: str | None) -> None:
        user = self.users[who]
        target = self.pick(user, place, "deduction")
        if target is None:
            return
        account = self.oracle.accounts[user]
        left = -account.entries[target - 1].credits - account.refunded.get(target, (0, 0))[0]
        if left > 1:
            self.refund_now(user, target, 1 + place % (left - 1), reason, None)

    def refund_now(
        self,
        user: uuid.UUID,
        target: int | None,
        amount: int | None,
        reason: str | None = None,
        key: str | None = None,
    ) -> None:
        lots = len(self.account(user).lots)
        answer = self.move(
            lambda: self.oracle.refund(user, self.now, target, amount, reason=reason, key=key),
            "refund_user_credits",
            user,
            self.transaction_id(user, target),
            p_credits=amount,
            p_reason=reason,
            p_idempotency_key=key,
        )
        if answer and not answer.replayed:
            fresh = self.account(user).lots[lots:]
            self.saw("refund into a fresh lot", any(lot.source == "refund" for lot in fresh))
            self.saw("refund as rollover", any(lot.source == "rollover" for lot in fresh))
            last = self.account(user).entries[-1].transaction_type
            self.saw("refund into a revoked lot", last == "revocation")
        self.keep(answer, key, user, "refund", target, amount, None)

    @rule(
        who=whom,
        place=places,
        amount=amounts,
        reason=reasons,
        keyed=st.booleans(),
    )
    def revoke(
        self, who: int, place: int, amount: int | None, reason: str | None, keyed: bool
    ) -> None:
        user = self.users[who]
        target = self.pick(user, place, "grant")
        key = self.new_key() if keyed else None
        answer = self.move(
            lambda: self.oracle.revoke(user, self.now, target, amount, reason=reason, key=key),
            "revoke_user_credits",
            user,
            self.transaction_id(user, target),
            p_credits=amount,
            p_reason=reason,
            p_idempotency_key=key,
        )
        self.saw("revocation of nothing", answer is not None and answer.seq is None)
        self.keep(answer, key, user, "revocation", target, amount, None)

    @rule(who=whom, place=places, all_of_it=st.booleans())
    def refund_what_was_revoked(self, who: int, place: int, all_of_it: bool) -> None:
        """Revoke a grant of which something was spent, then give back the latest deductions."""
        user = self.users[who]
        account = self.account(user)
        spent = [
            seq
            for seq, entry in enumerate(account.entries, 1)
            if entry.transaction_type == "grant"
            and account.lots[entry.legs[0][0]].remaining < entry.credits
        ]
        if not spent:
            return
        target = spent[place % len(spent)]
        self.move(
            lambda: self.oracle.revoke(
                user, self.now, target, None if all_of_it else 1 + place % 20
            ),
            "revoke_user_credits",
            user,
            self.transaction_id(user, target),
            p_credits=None if all_of_it else 1 + place % 20,
        )
        for back in (-1, -2):
            self.refund_now(user, self.pick(user, back, "deduction"), None)

    @rule(who=whom, other=whom, place=places, refund=st.booleans())
    def undo_what_cannot_be_undone(self, who: int, other: int, place: int, refund: bool) -> None:
        """Another user's transaction, one nobody has heard of, or one of the wrong type."""
        user = self.users[who]
        entries = self.account(self.users[other]).entries
        target = place % len(entries) + 1 if entries else None
        transaction_id = self.transaction_id(self.users[other], target)
        mine = target if other == who else None
        wrong = "grant" if refund else "deduction"
        if mine is not None and entries[mine - 1].transaction_type != wrong:
            return
        ours = self.oracle.refund if refund else self.oracle.revoke
        self.move(
            lambda: ours(user, self.now, mine),
            "refund_user_credits" if refund else "revoke_user_credits",
            user,
            transaction_id,
        )

    # --- retries ----------------------------------------------------------------------------------

    @rule(place=places)
    def repeat(self, place: int) -> None:
        """The same call again, whatever has happened since; what does not count is different."""
        if self.made:
            made = self.made[place % len(self.made)]
            answer = self.make(made)
            assert answer is not None
            assert answer.replayed

    @rule(
        place=places,
        change=st.sampled_from(["function", "target", "credits", "no credits", "source"]),
    )
    def reuse_the_key(self, place: int, change: str) -> None:
        """Another call under a key that was used."""
        if not self.made:
            return
        made = self.made[place % len(self.made)]
        fields = made.__dict__ | {}
        if change == "function":
            fields["function"] = "deduction" if made.function != "deduction" else "grant"
            fields["source"] = "goodwill" if fields["function"] == "grant" else None
            fields["credits"] = made.credits or 1
            fields["target"] = None
        elif change == "target" and made.target is not None:
            others = len(self.account(made.user).entries)
            fields["target"] = made.target % others + 1
        elif change == "source" and made.function == "grant":
            fields["source"] = SOURCES[(SOURCES.index(made.source or "") + 1) % len(SOURCES)]
        elif change == "no credits" and made.function in ("refund", "revocation"):
            fields["credits"] = None
        else:
            fields["credits"] = (made.credits or 0) + 1
        self.make(Made(**fields))

    def make(self, made: Made) -> Answer | None:
        """Make a call of an earlier one's kind; its reason and the like are new."""
        oracle, user, now = self.oracle, made.user, self.now
        reason = "again"
        if made.function == "grant":
            assert made.credits is not None
            assert made.source is not None
            # Were it a new call, this expiry would be refused.
            return self.move(
                lambda: oracle.grant(
                    user,
                    now,
                    made.credits or 0,
                    made.source or "",
                    expires_at=now,
                    reason=reason,
                    key=made.key,
                ),
                "grant_user_credits",
                user,
                made.credits,
                p_source=made.source,
                p_expires_at=now,
                p_reason=reason,
                p_idempotency_key=made.key,
            )
        if made.function == "deduction":
            return self.move(
                lambda: oracle.deduct(user, now, made.credits or 0, reason=reason, key=made.key),
                "deduct_user_credits",
                user,
                made.credits,
                p_reason=reason,
                p_idempotency_key=made.key,
            )
        ours = oracle.refund if made.function == "refund" else oracle.revoke
        return self.move(
            lambda: ours(user, now, made.target, made.credits, reason=reason, key=made.key),
            "refund_user_credits" if made.function == "refund" else "revoke_user_credits",
            user,
            self.transaction_id(user, made.target),
            p_credits=made.credits,
            p_reason=reason,
            p_idempotency_key=made.key,
        )

    # --- plans, freezes, redaction ----------------------------------------------------------------

    @rule(who=whom, plan=st.sampled_from([*PLANS, *PLANS, None, "gold"]))
    def set_plan(self, who: int, plan: str | None) -> None:
        user = self.users[who]
        self.configure(
            lambda: self.oracle.set_plan(user, self.now, plan), user, "set_user_plan", plan
        )

    @rule(who=whom, amount=st.sampled_from([None, 0, 25]))
    def set_threshold(self, who: int, amount: int | None) -> None:
        user = self.users[who]
        self.configure(
            lambda: self.oracle.set_threshold(user, amount),
            user,
            "set_low_balance_threshold",
            amount,
        )

    @rule(who=whom, reason=reasons, share=st.integers(1, 100), brief=st.integers(0, 3))
    def freeze(self, who: int, reason: str | None, share: int, brief: int) -> None:
        user = self.users[who]
        self.configure(
            lambda: self.oracle.freeze(user, reason), user, "freeze_user_credits", reason
        )
        self.deduct(who, share, cost=None, reason=None, metadata={}, keyed=True, tick=True)
        if brief:
            self.unfreeze(who)

    @rule(who=whom)
    def unfreeze(self, who: int) -> None:
        user = self.users[who]
        self.configure(lambda: self.oracle.unfreeze(user), user, "unfreeze_user_credits")

    @rule(who=whom)
    def redact(self, who: int) -> None:
        with self.judging("redact_user"):
            user = self.users[who]
            blanked = value(self.conn, "redact_user", user)
            assert blanked == self.oracle.redact(user)
            texts = self.conn.execute(
                "select count(*) from credits.credit_transactions as t"
                " where t.user_id = %s and (t.reason is not null or t.metadata <> '{}')",
                (user,),
            ).fetchone()
            assert texts == (0,)

    @rule(
        plan=st.sampled_from(sorted(PLANS)),
        monthly=st.integers(0, 60),
        rollover_max=st.integers(0, 30),
    )
    def edit_plan(self, plan: str, monthly: int, rollover_max: int) -> None:
        self.oracle.plans[plan] = Plan(monthly, rollover_max)
        self.store_plan(plan)

    def store_plan(self, name: str) -> None:
        plan = self.oracle.plans[name]
        self.conn.execute(
            "update credits.plans set monthly_credits = %s, rollover_max_credits = %s"
            " where plan = %s",
            (plan.monthly, plan.rollover_max, name),
        )

    # --- sweeps -----------------------------------------------------------------------------------

    @rule(limit=limits)
    def expire(self, limit: int) -> None:
        with self.judging("expire_user_credits"):
            due = [u for u, a in self.oracle.accounts.items() if a.due_credits(self.now)]
            served = self.sweep("expire_user_credits", limit, self.oracle.sweep_expiry)
            assert len(served) == min(limit, len(due))

    @rule(limit=limits)
    def apply_allowances(self, limit: int) -> None:
        with self.judging("apply_allowances"):
            due = [u for u in self.users if self.oracle.allowance_due(u, self.now) is not None]
            served = self.sweep("apply_allowances", limit, self.oracle.sweep_allowance)
            assert len(served) == min(limit, len(due))
            # Whom it looked at in vain, since a plan has been made smaller, waits until next month.
            for user, account in self.oracle.accounts.items():
                if account.next_allowance is not None and account.next_allowance <= self.now:
                    (waits_until,) = self.conn.execute(
                        "select next_allowance_at from credits.user_credits where user_id = %s",
                        (user,),
                    ).fetchall()[0]
                    if waits_until > self.now:
                        assert self.oracle.missing_allowance(account, self.now) == 0
                        self.oracle.schedule_allowance(account, self.now)
                        assert account.next_allowance == waits_until

    @rule(
        who=whom,
        plan=st.sampled_from(sorted(PLANS)),
        share=st.integers(1, 100),
        months=st.integers(1, 2),
        noticed_by=st.sampled_from(["a sweep", "a purchase", "a deduction", "nobody"]),
        plan_after=st.sampled_from([*PLANS, None, "the same"]),
        fails=st.sampled_from(["not", "in part", "whole"]),
    )
    def months_end(
        self,
        who: int,
        plan: str,
        share: int,
        months: int,
        noticed_by: str,
        plan_after: str | None,
        fails: str,
    ) -> None:
        """A user spends a part of the allowance; then the month is over, or another one as well.

        What was spent may come back after that.
        """
        self.set_plan(who, plan)
        self.apply_allowances(100)
        self.deduct(who, share, cost=None, reason=None, metadata={}, keyed=False, tick=True)
        for _ in range(months):
            self.set_time(self.oracle.month_end(self.now))
        if noticed_by == "a sweep":
            self.expire(100)
        elif noticed_by == "a purchase":
            self.buy(who, share)
        elif noticed_by == "a deduction":
            self.spend_more_than_there_is(who, 1)
        if plan_after != "the same":
            self.set_plan(who, plan_after)
        if fails == "in part":
            self.refund_a_part(who, -1, None)
        if fails != "not":
            self.refund_now(self.users[who], self.pick(self.users[who], -1, "deduction"), None)

    def sweep(
        self,
        function: str,
        limit: int,
        serve: Callable[[uuid.UUID, datetime], int | None],
    ) -> set[uuid.UUID]:
        """Run a sweep; whom it served must have got what the oracle says."""
        result = rows(self.conn, function, p_limit=limit)
        for row in result:
            assert row.error is None
            assert row.generation_id is None
            assert row.credits == serve(row.user_id, self.now)
            self.compare(row.user_id)
        self.saw(f"{function} served a user", bool(result))
        return {row.user_id for row in result}

    # --- reading ----------------------------------------------------------------------------------

    @rule(who=whom, place=places)
    def read_the_past(self, who: int, place: int) -> None:
        with self.judging("get_user_credits_at"):
            user = self.users[who]
            entries = self.account(user).entries
            if entries:
                place %= len(entries)
                at = entries[place].created_at
                before = entries[place - 1].balance_after if place else 0
                just_before = at - timedelta(microseconds=1)
                past = value(self.conn, "get_user_credits_at", user, at)
                assert past == entries[place].balance_after
                assert value(self.conn, "get_user_credits_at", user, just_before) == before
            else:
                assert value(self.conn, "get_user_credits_at", user, self.now) == 0

    @rule(who=whom, place=places, limit=st.integers(1, 5))
    def read_the_ledger(self, who: int, place: int, limit: int) -> None:
        with self.judging("get_user_transactions"):
            user = self.users[who]
            account = self.account(user)
            before = place % (len(account.entries) + 2)
            found = rows(
                self.conn, "get_user_transactions", user, p_before_seq=before, p_limit=limit
            )
            expected = range(min(before, len(account.entries) + 1) - 1, 0, -1)[:limit]
            assert [row.seq for row in found] == list(expected)
            for row in found:
                entry = account.entries[row.seq - 1]
                assert row.transaction_id == entry.transaction_id
                assert (row.credits, row.balance_after) == (entry.credits, entry.balance_after)
                assert (row.reason, row.metadata) == (entry.reason, entry.metadata)

    # --- arguments that alone decide --------------------------------------------------------------

    @rule(
        who=whom,
        place=places,
        function=st.sampled_from(["grant", "deduct", "refund", "revoke"]),
        bad=st.sampled_from(
            [
                ("p_credits", 0),
                ("p_credits", -5),
                ("p_credits", 10**12 + 1),
                ("p_reason", "x" * 1001),
                ("p_idempotency_key", ""),
                ("p_idempotency_key", "x" * 201),
                ("p_idempotency_key", "pgcredits:allowance:2031-01:5"),
                ("p_user_id", None),
            ]
        ),
    )
    def pass_nonsense(self, who: int, place: int, function: str, bad: tuple[str, Any]) -> None:
        user = self.users[who]
        target = self.pick(user, place, "deduction" if function == "refund" else "grant")
        arguments: dict[str, Any] = {"p_user_id": user}
        if function in ("grant", "deduct"):
            arguments["p_credits"] = 5
        else:
            arguments["p_transaction_id"] = self.transaction_id(user, target)
        arguments[bad[0]] = bad[1]

        def refuse() -> None:
            raise RefusedError("PT422", "invalid_argument", argument=bad[0])

        self.attempt(refuse, f"{function}_user_credits", **arguments)
        self.compare(user)

    # --- judging ----------------------------------------------------------------------------------

    @invariant()
    def the_balances_are_foretold(self) -> None:
        if not self.sound:
            return
        with self.judging("get_user_credits"):
            self.tally.steps += 1
            expected = []
            for user in self.users:
                account = self.account(user)
                spendable = account.spendable_lots(self.now)
                ends = [lot.expires_at for lot in spendable if lot.expires_at]
                expected.append(
                    (
                        user,
                        account.spendable(self.now),
                        sum(lot.remaining for lot in spendable if lot.expires_at),
                        min(ends, default=None),
                        account.plan,
                        account.threshold,
                        account.frozen,
                    )
                )
            actual = self.conn.execute(
                "select b.* from unnest(%s::uuid[]) with ordinality as u (user_id, n)"
                " cross join lateral credits.get_user_credits(u.user_id) as b order by u.n",
                (self.users,),
            ).fetchall()
            assert actual == expected

    @rule()
    def check_what_is_new(self) -> None:
        """What came since the last check proves itself, whenever that was."""
        with self.judging("check_ledger"):
            assert self.users
            # The users of examples before are not looked at again.
            self.conn.execute(
                "update credits.ledger_checks set verified_at = 'infinity'"
                " where user_id <> all (%s) and verified_at is distinct from 'infinity'",
                (self.users,),
            )
            assert rows(self.conn, "check_ledger", p_limit=len(self.users)) == []

    def teardown(self) -> None:
        try:
            if self.sound:
                self.finish()
        finally:
            self.conn.close()

    def finish(self) -> None:
        """The ledger proves itself.

        Once all plans have ended and all time is over, only what never expires is left, and no
        sweep has anything to do with these users any more: the next example may begin.
        """
        with self.judging("the end"):
            for user in self.oracle.accounts:
                self.oracle.set_plan(user, self.now, None)
                call(self.conn, "set_user_plan", user, None)
                self.compare(user)
            self.set_time(self.now + timedelta(days=4000))
            self.sweep("expire_user_credits", 1000, self.oracle.sweep_expiry)
            assert rows(self.conn, "expire_user_credits") == []
            assert rows(self.conn, "apply_allowances") == []
            for account in self.oracle.accounts.values():
                assert account.balance == account.spendable(self.now)
            violations = [
                row
                for user in self.users
                for row in rows(self.conn, "verify_ledger", p_user_id=user)
            ]
            assert violations == []

    def move(
        self, ours: Callable[[], Answer], function: str, user: uuid.UUID, *args: Any, **named: Any
    ) -> Answer | None:
        """Make a call that moves credits, and compare all that there is; None = refused."""
        outcome = self.attempt(ours, function, user, *args, **named)
        with self.judging(function):
            self.compare(user)
            if outcome is None:
                return None
            answer: Answer = outcome[0]
            row = outcome[1]
            entries = self.account(user).entries
            named_row = None if answer.seq is None else entries[answer.seq - 1].transaction_id
            if function == "refund_user_credits":
                assert row == (True, answer.credits, named_row, answer.balance, answer.replayed)
            else:
                assert row == (named_row, user, answer.credits, answer.balance, answer.replayed)
            self.saw(f"{function} replayed" if answer.replayed else function)
            return answer

    def configure(
        self, ours: Callable[[], None], user: uuid.UUID, function: str, *args: Any
    ) -> None:
        """Make a call that moves nothing. Its row is what the invariant asks for, too."""
        outcome = self.attempt(ours, function, user, *args)
        with self.judging(function):
            self.compare(user)
            if outcome is not None:
                assert outcome[1] == call(self.conn, "get_user_credits", user)

    def attempt(
        self, ours: Callable[[], Any], function: str, *args: Any, **named: Any
    ) -> tuple[Any, Any] | None:
        """The oracle's answer and the database's row; None = both refused, for the same reason."""
        expected: RefusedError | None = None
        actual: psycopg.Error | None = None
        answer = row = None
        with self.judging(function):
            try:
                answer = ours()
            except RefusedError as error:
                expected = error
            try:
                row = call(self.conn, function, *args, **named)
            except psycopg.Error as error:
                actual = error
            if expected is None and actual is None:
                return answer, row
            assert expected is not None, f"refused: {actual}"
            assert actual is not None, f"not refused: {expected}, but answered {row}"
            assert actual.sqlstate == expected.sqlstate, f"{actual} instead of {expected}"
            detail = json.loads(actual.diag.message_detail or "{}")
            assert detail | expected.detail == detail
            self.saw(f"{function} refused: {expected.detail['code']}")
            return None

    def compare(self, user: uuid.UUID) -> None:
        """The ledger rows that are new, and all lots."""
        account = self.oracle.accounts.get(user)
        known = sum(1 for e in account.entries if e.transaction_id) if account else 0
        ids = {None: None} | {
            entry.transaction_id: seq
            for seq, entry in enumerate(account.entries if account else [], 1)
            if entry.transaction_id
        }
        new = self.conn.execute(
            "select t.* from credits.credit_transactions as t"
            " where t.user_id = %s and t.seq > %s order by t.seq",
            (user, known),
        ).fetchall()
        lots = self.conn.execute(
            "select l.* from credits.credit_lots as l where l.user_id = %s order by l.lot_id",
            (user,),
        ).fetchall()
        if account is None:
            assert (new, lots) == ([], [])
            return

        assert len(new) == len(account.entries) - known
        for row in new:
            entry = account.entries[row.seq - 1]
            assert [leg["credits"] for leg in row.allocations] == [m for _, m in entry.legs]
            account.bind(
                row.seq, row.transaction_id, [uuid.UUID(leg["lot_id"]) for leg in row.allocations]
            )
            ids[row.transaction_id] = row.seq
            assert [uuid.UUID(leg["lot_id"]) for leg in row.allocations] == [
                account.lots[place].lot_id for place, _ in entry.legs
            ]
            assert (
                row.transaction_type,
                row.credits,
                row.balance_after,
                row.created_at,
                row.requested_credits,
                row.source,
                row.cost_usd,
                row.reason,
                row.idempotency_key,
                row.metadata,
                ids[row.refund_of],
                ids[row.revocation_of],
            ) == (
                entry.transaction_type,
                entry.credits,
                entry.balance_after,
                entry.created_at,
                entry.requested,
                entry.source,
                entry.cost,
                entry.reason,
                entry.key,
                entry.metadata,
                entry.refund_of,
                entry.revocation_of,
            )
            self.saw(f"{row.transaction_type} {row.source or ''}".rstrip())
        assert [
            (
                lot.lot_id,
                lot.source,
                lot.granted,
                lot.remaining,
                lot.priority,
                lot.expires_at,
                lot.unit_price_usd,
                lot.created_at,
                lot.origin_lot_id,
                lot.renewable_until,
                lot.revoked_owed,
            )
            for lot in lots
        ] == [
            (
                lot.lot_id,
                lot.source,
                lot.granted,
                lot.remaining,
                lot.priority,
                lot.expires_at,
                lot.unit_price,
                lot.created_at,
                None if lot.origin is None else account.lots[lot.origin].lot_id,
                lot.renewable_until,
                lot.owed,
            )
            for lot in sorted(account.lots, key=lambda lot: str(lot.lot_id))
        ]
        assert sum(lot.remaining for lot in account.lots) == (
            account.entries[-1].balance_after if account.entries else 0
        )

    # --- small helpers ----------------------------------------------------------------------------

    def judging(self, what: str) -> _Judging:
        """Within this, a failure spoils the database for the examples that follow."""
        return _Judging(self, what)

    def saw(self, what: str, really: bool = True) -> None:
        if really:
            self.tally.seen[what] += 1

    def account(self, user: uuid.UUID) -> Account:
        return self.oracle.accounts.get(user) or Account()

    def spendable(self, user: uuid.UUID) -> int:
        return self.account(user).spendable(self.now)

    def new_key(self) -> str:
        self.keys += 1
        return f"key {self.keys}"

    def pick(self, user: uuid.UUID, place: int, transaction_type: str) -> int | None:
        """One of the user's ledger rows of this type."""
        found = [
            seq
            for seq, entry in enumerate(self.account(user).entries, 1)
            if entry.transaction_type == transaction_type
        ]
        return found[place % len(found)] if found else None

    def transaction_id(self, user: uuid.UUID, seq: int | None) -> uuid.UUID:
        if seq is None:
            return uuid.UUID(int=0x0190_0000_0000_7000_8000_000000000000)
        found = self.account(user).entries[seq - 1].transaction_id
        assert found is not None
        return found

    def keep(
        self,
        answer: Answer | None,
        key: str | None,
        user: uuid.UUID,
        function: str,
        target: int | None,
        amount: int | None,
        source: str | None,
    ) -> None:
        """Remember a call to repeat it. One that only repeated another stored no key."""
        if answer is not None and key is not None and not answer.replayed:
            self.made.append(Made(user, function, target, amount, source, key))


class _Judging:
    """Notes that an example failed."""

    def __init__(self, machine: LedgerMachine, what: str) -> None:
        self.machine = machine
        self.what = what

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.machine.sound = False
            if isinstance(error, AssertionError):
                error.add_note(f"in {self.what}, at {self.machine.now}")
