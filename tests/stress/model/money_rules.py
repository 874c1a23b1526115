"""The rules of the money a second time, in plain Python, to judge the database by.

Written from the contract, not from the SQL: lots are objects in a list, a refund walks its charge
backwards, and nothing is clever. The database tells only the ids that it chose (`bind`); all else
is foretold here, and compared.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal
    from uuid import UUID

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)
NO_MONTH = date(1970, 1, 1)


class RefusedError(Exception):
    """The call must be refused with this SQLSTATE, and these entries in its DETAIL."""

    def __init__(self, sqlstate: str, code: str, **figures: Any) -> None:
        super().__init__(sqlstate, code, figures)
        self.sqlstate = sqlstate
        self.detail = {"code": code, **figures}


@dataclass
class Lot:
    """Credits of one origin. Lots are known by their place in `Account.lots`."""

    source: str
    granted: int
    remaining: int
    priority: int
    expires_at: datetime | None
    unit_price: Decimal | None
    created_at: datetime
    origin: int | None = None
    renewable_until: datetime | None = None
    owed: int = 0
    lot_id: UUID | None = None

    def is_due(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def burn_order(self) -> tuple[Any, ...]:
        """Priority, soonest expiry, free before paid (unknown is paid), oldest."""
        return (
            self.priority,
            self.expires_at or NEVER,
            self.unit_price != 0,
            self.created_at,
            str(self.lot_id),
        )


@dataclass(frozen=True)
class Entry:
    """One ledger row. Rows are known by their seq."""

    transaction_type: str
    credits: int
    balance_after: int
    created_at: datetime
    legs: tuple[tuple[int, int], ...]
    requested: int | None = None
    source: str | None = None
    refund_of: int | None = None
    revocation_of: int | None = None
    cost: Decimal | None = None
    reason: str | None = None
    key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    transaction_id: UUID | None = None


@dataclass(frozen=True)
class Request:
    """What makes two calls under one key the same call."""

    function: str
    target: int | None
    credits: int | None
    source: str | None = None

    def differs_in(self, other: Request) -> str | None:
        """The first field in which they differ, named as in the error."""
        fields = (
            ("function", self.function, other.function),
            ("p_transaction_id", self.target, other.target),
            ("p_credits", self.credits, other.credits),
            ("p_source", self.source, other.source),
        )
        return next((name for name, mine, theirs in fields if mine != theirs), None)


@dataclass(frozen=True)
class Answer:
    """What the caller is told; seq is the ledger row that transaction_id must name."""

    credits: int
    balance: int
    seq: int | None
    replayed: bool = False


@dataclass
class Revocation:
    """One call of revoke_user_credits, and what came of it so far."""

    grant: int
    credits: int
    recovered: int
    seq: int | None


@dataclass
class Plan:
    """A plan as an operator configured it."""

    monthly: int
    rollover_max: int


@dataclass
class Account:
    """Everything about one user."""

    lots: list[Lot] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    requests: dict[str, tuple[Request, int, int | None]] = field(default_factory=dict)
    refunded: dict[int, tuple[int, int]] = field(default_factory=dict)
    revocations: list[Revocation] = field(default_factory=list)
    plan: str | None = None
    # From when on which plan was held; none before the first.
    plans: list[tuple[datetime, str | None]] = field(default_factory=list)
    threshold: int | None = None
    frozen: bool = False
    frozen_reason: str | None = None
    allowance_month: date = NO_MONTH
    allowance: int = 0
    #: When the plan brings the next credits, or when to look again.
    next_allowance: datetime | None = None

    def copy(self) -> Account:
        """A copy that can be changed without changing this one."""
        return dataclasses.replace(
            self,
            lots=[dataclasses.replace(lot) for lot in self.lots],
            entries=list(self.entries),
            plans=list(self.plans),
            requests=dict(self.requests),
            refunded=dict(self.refunded),
            revocations=[dataclasses.replace(each) for each in self.revocations],
        )

    @property
    def balance(self) -> int:
        return sum(lot.remaining for lot in self.lots)

    @property
    def next_due(self) -> datetime | None:
        """The soonest expiry that is not written yet, past or to come."""
        return min(
            (lot.expires_at for lot in self.lots if lot.remaining and lot.expires_at), default=None
        )

    def spendable_lots(self, now: datetime) -> list[Lot]:
        return [lot for lot in self.lots if lot.remaining and not lot.is_due(now)]

    def spendable(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.spendable_lots(now))

    def due_credits(self, now: datetime) -> int:
        return sum(lot.remaining for lot in self.lots if lot.is_due(now))

    def bind(self, seq: int, transaction_id: UUID, lot_ids: Sequence[UUID]) -> None:
        """Learn the ids that the database chose."""
        self.entries[seq - 1] = dataclasses.replace(
            self.entries[seq - 1], transaction_id=transaction_id
        )
        for (place, _), lot_id in zip(self.entries[seq - 1].legs, lot_ids, strict=True):
            if self.lots[place].lot_id is None:
                self.lots[place].lot_id = lot_id

    # --- steps that several calls share -----------------------------------------------------------

    def find(self, key: str | None, request: Request, now: datetime) -> Answer | None:
        """The answer to an earlier call under this key."""
        if key is None or key not in self.requests:
            return None
        earlier, moved, seq = self.requests[key]
        different = request.differs_in(earlier)
        if different is not None:
            raise RefusedError("PT409", "idempotency_conflict", key=key, field=different)
        return Answer(moved, self.spendable(now), seq, replayed=True)

    def remember(self, key: str | None, request: Request, moved: int, seq: int | None) -> None:
        if key is not None:
            self.requests[key] = (request, moved, seq)

    def entry_of(self, seq: int | None) -> Entry:
        if seq is None:
            raise RefusedError("PT404", "transaction_not_found")
        return self.entries[seq - 1]

    def next_time(self, now: datetime) -> datetime:
        """The clock, but later than the row before."""
        return max(now, self.entries[-1].created_at + MICROSECOND) if self.entries else now

    def write(
        self, transaction_type: str, now: datetime, legs: list[tuple[int, int]], **more: Any
    ) -> int:
        """Write a ledger row for lots that were moved already; returns its seq."""
        self.entries.append(
            Entry(
                transaction_type,
                credits=sum(moved for _, moved in legs),
                balance_after=self.balance,
                created_at=self.next_time(now),
                legs=tuple(legs),
                **more,
            )
        )
        return len(self.entries)

    def add_lot(self, now: datetime, lot: Lot, **more: Any) -> int:
        """Write the grant of a new lot; returns its seq."""
        self.lots.append(lot)
        legs = [(len(self.lots) - 1, lot.granted)]
        return self.write("grant", now, legs, source=lot.source, **more)

    def take(self, amount: int, places: Iterator[int] | range) -> list[tuple[int, int]]:
        """Take up to so many credits out of these lots, in burn order."""
        legs = []
        for place in sorted(places, key=lambda place: self.lots[place].burn_order()):
            taken = min(amount, self.lots[place].remaining)
            if taken:
                self.lots[place].remaining -= taken
                amount -= taken
                legs.append((place, -taken))
        return legs

    def descends_from(self, place: int | None, ancestor: int) -> bool:
        while place is not None and place != ancestor:
            place = self.lots[place].origin
        return place == ancestor

    def family(self, ancestor: int) -> Iterator[int]:
        """A lot and all that descend from it."""
        return (place for place in range(len(self.lots)) if self.descends_from(place, ancestor))


class Oracle:
    """All users, the plans and the settings. A call that is refused changes nothing."""

    def __init__(
        self,
        plans: dict[str, Plan],
        *,
        zone: tzinfo = UTC,
        grace: timedelta = timedelta(days=7),
        default_threshold: int | None = None,
    ) -> None:
        self.accounts: dict[UUID, Account] = {}
        self.plans = plans
        self.zone = zone
        self.grace = grace
        self.default_threshold = default_threshold

    def account(self, user: UUID) -> Account:
        """A copy of the user's account to work on, or a new one."""
        found = self.accounts.get(user)
        return found.copy() if found else Account(threshold=self.default_threshold)

    # --- money ------------------------------------------------------------------------------------

    def grant(
        self,
        user: UUID,
        now: datetime,
        amount: int,
        source: str,
        *,
        expires_at: datetime | None = None,
        priority: int | None = None,
        unit_price: Decimal | None = None,
        reason: str | None = None,
        key: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Answer:
        if source == "purchase" and key is None:
            raise RefusedError("PT422", "invalid_argument", argument="p_idempotency_key")
        mine = self.account(user)
        request = Request("grant", None, amount, source)
        earlier = mine.find(key, request, now)
        if earlier:
            return earlier
        if expires_at is not None and expires_at <= now:
            raise RefusedError("PT422", "invalid_argument", argument="p_expires_at")

        self.expire(mine, now)
        lot = Lot(
            source,
            amount,
            amount,
            100 if priority is None else priority,
            expires_at,
            unit_price,
            mine.next_time(now),
        )
        seq = mine.add_lot(
            now, lot, requested=amount, reason=reason, key=key, metadata=metadata or {}
        )
        mine.remember(key, request, amount, seq)
        self.accounts[user] = mine
        return Answer(amount, mine.spendable(now), seq)

    def deduct(
        self,
        user: UUID,
        now: datetime,
        amount: int,
        *,
        reason: str | None = None,
        key: str | None = None,
        cost: Decimal | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Answer:
        mine = self.account(user)
        request = Request("deduction", None, amount)
        earlier = mine.find(key, request, now)
        if earlier:
            return earlier
        self.expire(mine, now)
        if mine.frozen:
            raise RefusedError("PT403", "account_frozen", reason=mine.frozen_reason)
        if mine.balance < amount:
            raise RefusedError(
                "PT402", "insufficient_credits", balance=mine.balance, required=amount
            )

        legs = mine.take(amount, range(len(mine.lots)))
        seq = mine.write(
            "deduction",
            now,
            legs,
            requested=amount,
            reason=reason,
            key=key,
            cost=cost,
            metadata=metadata or {},
        )
        mine.remember(key, request, -amount, seq)
        self.accounts[user] = mine
        return Answer(-amount, mine.spendable(now), seq)

    def refund(
        self,
        user: UUID,
        now: datetime,
        target: int | None,
        given: int | None = None,
        *,
        reason: str | None = None,
        key: str | None = None,
    ) -> Answer:
        mine = self.account(user)
        request = Request("refund", target, given)
        earlier = mine.find(key, request, now)
        if earlier:
            return earlier
        charge = mine.entry_of(target)
        assert target is not None
        if charge.transaction_type != "deduction":
            raise RefusedError("PT409", "not_refundable")
        charged = -charge.credits
        refunded, last = mine.refunded.get(target, (0, 0))
        amount = charged - refunded if given is None else given
        if amount == 0:
            return Answer(refunded, mine.spendable(now), last, replayed=True)
        if refunded + amount > charged:
            raise RefusedError(
                "PT409", "over_refund", charged=charged, refunded=refunded, requested=amount
            )

        self.expire(mine, now)
        legs = self.give_back(mine, now, charge, skip=refunded, amount=amount)
        seq = mine.write(
            "refund", now, legs, requested=given, refund_of=target, reason=reason, key=key
        )
        mine.refunded[target] = (refunded + amount, seq)
        mine.remember(key, request, amount, seq)
        self.collect(mine, now, legs)
        self.expire(mine, now)
        self.accounts[user] = mine
        return Answer(amount, mine.spendable(now), seq)

    def revoke(
        self,
        user: UUID,
        now: datetime,
        target: int | None,
        given: int | None = None,
        *,
        reason: str | None = None,
        key: str | None = None,
    ) -> Answer:
        mine = self.account(user)
        request = Request("revocation", target, given)
        earlier = mine.find(key, request, now)
        if earlier:
            return earlier
        granted = mine.entry_of(target)
        assert target is not None
        if granted.transaction_type != "grant":
            raise RefusedError("PT409", "not_refundable")
        before = [each for each in mine.revocations if each.grant == target]
        revoked = sum(each.credits for each in before)
        amount = granted.credits - revoked if given is None else given
        if amount == 0:
            recovered = sum(each.recovered for each in before)
            return Answer(-recovered, mine.spendable(now), before[-1].seq, replayed=True)
        if revoked + amount > granted.credits:
            raise RefusedError(
                "PT409",
                "over_refund",
                charged=granted.credits,
                refunded=revoked,
                requested=amount,
            )

        self.expire(mine, now)
        place = granted.legs[0][0]
        legs = mine.take(amount, mine.family(place))
        recovered = -sum(moved for _, moved in legs)
        seq = None
        if legs:
            seq = mine.write(
                "revocation",
                now,
                legs,
                requested=given,
                revocation_of=target,
                reason=reason,
                key=key,
            )
        mine.revocations.append(Revocation(target, amount, recovered, seq))
        mine.lots[place].owed += amount - recovered
        mine.remember(key, request, -recovered, seq)
        self.accounts[user] = mine
        return Answer(-recovered, mine.spendable(now), seq)

    def set_plan(self, user: UUID, now: datetime, plan: str | None) -> None:
        if plan is not None and plan not in self.plans:
            raise RefusedError("PT404", "plan_not_found")
        mine = self.account(user)
        # A month that has ended rolls over by the plan that was held in it.
        self.expire(mine, now)
        if plan != mine.plan:
            mine.plans.append((now, plan))
        mine.plan = plan
        self.schedule_allowance(mine, now)
        self.accounts[user] = mine

    def set_threshold(self, user: UUID, amount: int | None) -> None:
        mine = self.account(user)
        mine.threshold = amount
        self.accounts[user] = mine

    def freeze(self, user: UUID, reason: str | None) -> None:
        mine = self.account(user)
        if not mine.frozen:
            mine.frozen, mine.frozen_reason = True, reason
        self.accounts[user] = mine

    def unfreeze(self, user: UUID) -> None:
        if user in self.accounts:
            mine = self.account(user)
            mine.frozen, mine.frozen_reason = False, None
            self.accounts[user] = mine

    def redact(self, user: UUID) -> int:
        """Blank reasons and metadata; returns how many ledger rows had any."""
        if user not in self.accounts:
            return 0
        mine = self.account(user)
        told = [e.reason is not None or bool(e.metadata) for e in mine.entries]
        mine.entries = [dataclasses.replace(e, reason=None, metadata={}) for e in mine.entries]
        mine.frozen_reason = None
        self.accounts[user] = mine
        return sum(told)

    # --- the sweeps, user by user -----------------------------------------------------------------

    def sweep_expiry(self, user: UUID, now: datetime) -> int | None:
        """What expire_user_credits reports for this user; None = nothing is due."""
        mine = self.account(user)
        due = mine.due_credits(now)
        if not due:
            return None
        self.expire(mine, now)
        self.accounts[user] = mine
        return -due

    def allowance_due(self, user: UUID, now: datetime) -> int | None:
        """What apply_allowances would grant to this user; None = nothing."""
        mine = self.accounts.get(user)
        if mine is None or mine.next_allowance is None or mine.next_allowance > now:
            return None
        return self.missing_allowance(mine, now) or None

    def sweep_allowance(self, user: UUID, now: datetime) -> int | None:
        """What apply_allowances reports for this user; None = nothing is due."""
        mine = self.account(user)
        granted = self.bring_allowance(mine, now)
        self.accounts[user] = mine
        return granted or None

    # --- rules ------------------------------------------------------------------------------------

    def month_of(self, at: datetime) -> date:
        return at.astimezone(self.zone).date().replace(day=1)

    def month_end(self, at: datetime) -> datetime:
        first = self.month_of(at)
        following = (first + timedelta(days=31)).replace(day=1)
        return datetime(following.year, following.month, 1, tzinfo=self.zone)

    def missing_allowance(self, mine: Account, now: datetime) -> int:
        """What the plan brings in this month and was not granted yet."""
        month = self.month_of(now)
        if mine.plan is None or mine.allowance_month > month:
            return 0
        held = mine.allowance if mine.allowance_month == month else 0
        return max(0, self.plans[mine.plan].monthly - held)

    def schedule_allowance(self, mine: Account, now: datetime) -> None:
        """Note when the plan brings the next credits: now, or with a month that has not begun."""
        if mine.plan is None:
            mine.next_allowance = None
        elif self.missing_allowance(mine, now):
            mine.next_allowance = now
        else:
            latest = datetime.combine(mine.allowance_month, time(12), self.zone)
            mine.next_allowance = max(self.month_end(now), self.month_end(latest))

    def bring_allowance(self, mine: Account, now: datetime) -> int:
        """Grant an allowance whose time has come; returns how much."""
        if mine.next_allowance is None or mine.next_allowance > now:
            return 0
        due = self.missing_allowance(mine, now)
        if due == 0:
            self.schedule_allowance(mine, now)
            return 0
        assert mine.plan is not None
        self.expire(mine, now)
        end = self.month_end(now)
        lot = Lot("allowance", due, due, 100, end, None, mine.next_time(now))
        month, monthly = self.month_of(now), self.plans[mine.plan].monthly
        mine.add_lot(
            now,
            lot,
            key=f"pgcredits:allowance:{month:%Y-%m}:{monthly}",
            reason=f"allowance of plan {mine.plan} for {month:%Y-%m}",
        )
        mine.allowance_month, mine.allowance, mine.next_allowance = month, monthly, end
        return due

    def expire(self, mine: Account, now: datetime) -> None:
        """Write what time has done: one expiry for all due lots, then the rollover it brings."""
        due = [place for place, lot in enumerate(mine.lots) if lot.remaining and lot.is_due(now)]
        if not due:
            return
        due.sort(key=lambda place: (mine.lots[place].expires_at, str(mine.lots[place].lot_id)))
        legs = [(place, -mine.lots[place].remaining) for place in due]
        for place in due:
            mine.lots[place].remaining = 0
        mine.write("expiry", now, legs)
        for place, moved in legs:
            if mine.lots[place].source == "allowance":
                self.roll_over(mine, now, place, -moved)

    def roll_over(self, mine: Account, now: datetime, place: int, unused: int) -> None:
        """Unused allowance lives on until the next month's end, up to the plan's maximum."""
        allowance = mine.lots[place]
        amount = min(unused, self.rollover_left(mine, allowance))
        until = self.rollover_end(allowance)
        if amount > 0 and until > now:
            mine.add_lot(
                now,
                Lot(
                    "rollover",
                    amount,
                    amount,
                    allowance.priority,
                    until,
                    allowance.unit_price,
                    mine.next_time(now),
                    origin=place,
                ),
            )

    def rollover_end(self, allowance: Lot) -> datetime:
        """Two days on, so that in another time zone than the allowance's it is the month after."""
        assert allowance.expires_at is not None
        return self.month_end(allowance.expires_at + timedelta(days=2))

    def rollover_left(self, mine: Account, allowance: Lot) -> int:
        """What may still roll over of the month in which this allowance ended."""
        ended_at = allowance.expires_at
        assert ended_at is not None
        held = None
        for since, plan in mine.plans:
            if since < ended_at:
                held = plan
        rolled = sum(
            lot.granted
            for lot in mine.lots
            if lot.source == "rollover" and lot.expires_at is not None and lot.expires_at > ended_at
        )
        return max(0, self.plans[held].rollover_max - rolled) if held is not None else 0

    def give_back(
        self, mine: Account, now: datetime, charge: Entry, *, skip: int, amount: int
    ) -> list[tuple[int, int]]:
        """Put credits back where they came from, last taken first; skip what was given back."""
        legs = []
        for place, moved in reversed(charge.legs):
            left = -moved
            passed = min(skip, left)
            skip -= passed
            back = min(amount, left - passed)
            amount -= back
            if not back:
                continue
            lot = mine.lots[place]
            if lot.is_due(now):
                legs += self.fresh_lots(mine, now, charge, place, back)
            else:
                lot.remaining += back
                legs.append((place, back))
        return legs

    def fresh_lots(
        self, mine: Account, now: datetime, charge: Entry, place: int, amount: int
    ) -> list[tuple[int, int]]:
        """Lots for refunded credits whose own lot has expired since they were taken."""
        expired = mine.lots[place]
        assert expired.expires_at is not None
        lives_until = now + max(DAY, min(expired.expires_at - charge.created_at, self.grace))
        legs: list[tuple[int, int]] = []

        def add(source: str, share: int, until: datetime, origin: int | None) -> None:
            mine.lots.append(
                Lot(
                    source,
                    share,
                    share,
                    expired.priority,
                    until,
                    expired.unit_price,
                    mine.next_time(now),
                    origin=origin,
                    renewable_until=renewable_until,
                )
            )
            legs.append((len(mine.lots) - 1, share))

        if expired.renewable_until is not None:
            # The second time or later: no longer than the first allowed.
            renewable_until = expired.renewable_until
            lives_until = min(lives_until, renewable_until)
        elif expired.source == "allowance":
            # What whoever had not spent it would have now, where that is better.
            rolls_until = self.rollover_end(expired)
            renewable_until = max(now + DAY, rolls_until)
            if rolls_until > lives_until:
                rolls = min(amount, self.rollover_left(mine, expired))
                if rolls:
                    add("rollover", rolls, rolls_until, place)
                amount -= rolls
        elif expired.source == "rollover":
            renewable_until = now + DAY
        else:
            renewable_until = now + self.grace
        if amount:
            origin = expired.origin if expired.source == "refund" else place
            add("refund", amount, lives_until, origin)
        return legs

    def collect(self, mine: Account, now: datetime, returned: list[tuple[int, int]]) -> None:
        """What came back into revoked lots goes where it is owed."""
        for place in range(len(mine.lots)):
            owing = mine.lots[place]
            if not owing.owed or not any(mine.descends_from(p, place) for p, _ in returned):
                continue
            legs = mine.take(owing.owed, mine.family(place))
            if not legs:
                continue
            grant = next(
                seq
                for seq, entry in enumerate(mine.entries, 1)
                if entry.transaction_type == "grant" and entry.legs[0][0] == place
            )
            seq = mine.write("revocation", now, legs, revocation_of=grant)
            recovered = -mine.entries[seq - 1].credits
            owing.owed -= recovered
            for revocation in mine.revocations:
                if revocation.grant == grant:
                    booked = min(recovered, revocation.credits - revocation.recovered)
                    revocation.recovered += booked
                    recovered -= booked
