"""Thirty days of a platform, made by the real functions: the data of the demo's report."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pgcredits.demo.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "month"
DAYS = 30
USERS = 40
#: On a Wednesday at least so many days before the last one.
OUTAGE_DAYS_AGO = 6

#: Credits and USD that a generation costs.
_TYPES = {"image": (2, "0.021"), "large image": (5, "0.048"), "video": (12, "0.190")}
_PROVIDERS = {"nanobanana": 6, "stillwater": 3, "longtake": 2}
_BROKEN = "stillwater"
_WEEKDAYS = (70, 74, 76, 72, 60, 38, 34)
_MESSAGES = {
    "internal_error": "upstream returned no image",
    "rate_limited": "429: slow down <b>please</b>",
    "content_policy_violation": "the prompt is against our policy",
    "service_unavailable": "503 from eu-2: no capacity",
}

#: The tasks that run several times a day. check_ledger takes longest, and is run less often.
_MAINTENANCE = (
    "sweep_stuck_generations",
    "retry_failed_refunds",
    "expire_user_credits",
    "apply_allowances",
    "check_alerts",
)

# The one function that the demo replaces: the clock. It can be inlined, like the real one.
_CLOCK = """
create or replace function credits_internal.clock() returns timestamptz
language sql volatile parallel safe security invoker
as $$ select pg_catalog.current_setting('pgcredits.demo_now')::timestamptz $$
"""
_SET_NOW = "select set_config('pgcredits.demo_now', %s, false)"
_DEFINITION = "select pg_get_functiondef('credits_internal.clock'::regproc)"
_TIMES = """
select date_trunc('day', clock_timestamp() at time zone 'utc') at time zone 'utc', clock_timestamp()
"""


@dataclass(order=True, frozen=True)
class Step:
    """Something that somebody calls at some time."""

    at: datetime
    place: int
    function: str = field(compare=False)
    arguments: dict[str, Any] = field(compare=False)


def live(dsn: str) -> int:
    """Fill the deployed database with a month that ends now; returns the number of generations.

    Calls are sent many at a time, without waiting for each answer.

    Raises:
        PgcreditsError: A call was refused.
    """
    with Client(dsn) as owner:
        connection = owner.connection
        ((real,),) = connection.execute(_DEFINITION)
        ((midnight, now),) = connection.execute(_TIMES)
        first = midnight - timedelta(days=DAYS - 1)
        connection.execute(_CLOCK)
        connection.execute("update credits.settings set history_starts_at = %s", [first])
        steps = sorted(step for step in _Script(first, now).steps() if step.at <= now)
        for offset in range(0, len(steps), 250):
            if offset == 1000 or offset % 4000 == 0:
                connection.execute("analyze")
            with connection.transaction(), connection.pipeline():
                for step in steps[offset : offset + 250]:
                    connection.execute(_SET_NOW, [step.at.isoformat()])
                    connection.execute(owner.query(step.function, step.arguments), step.arguments)
        connection.execute(real.encode())
        # On a live platform maintenance has just run: every ledger was checked a moment ago.
        connection.execute("select from credits.run_maintenance()")
    return sum(step.function == "start_generation" for step in steps)


class _Script:
    """Who calls what, and when; always the same for the same first day and time."""

    def __init__(self, first: datetime, now: datetime) -> None:
        self._first = first
        self._now = now
        self._random = Random(30)  # noqa: S311
        self._places = count(1)
        self._users = [self._uuid() for _ in range(USERS)]
        last = DAYS - 1 - OUTAGE_DAYS_AGO
        self._outage = next(d for d in range(last, 0, -1) if self._day(d).weekday() == 2)

    def steps(self) -> Iterator[Step]:
        """All steps, not ordered by time."""
        for number, user in enumerate(self._users):
            yield from self._join(number, user)
        for day in range(DAYS):
            yield from self._maintain(day)
            yield from self._generate(day)
        yield from self._leave_in_flight()

    def _join(self, number: int, user: UUID) -> Iterator[Step]:
        """A user gets a plan, and buys three packs."""
        joins = self._first + timedelta(minutes=number)
        plan = ("free", "free", "plus", "pro")[number % 4]
        yield self._step(joins, "set_user_plan", user_id=user, plan=plan)
        for pack in range(3):
            yield self._step(
                joins + timedelta(days=9 * pack, seconds=1),
                "grant_user_credits",
                user_id=user,
                credits=400,
                source="purchase",
                unit_price_usd=Decimal("0.05") if number % 2 else Decimal("0.04"),
                idempotency_key=f"payment-{number}-{pack}",
            )

    def _maintain(self, day: int) -> Iterator[Step]:
        """Maintenance a few times a day; more often in the outage, so that it alerts in time."""
        often = day == self._outage
        for turn in range(48 if often else 4):
            at = self._day(day) + timedelta(minutes=59 + turn * (30 if often else 360))
            for task in _MAINTENANCE:
                yield self._step(at, task)
        if day % 10 == 0:
            yield self._step(self._day(day) + timedelta(hours=3), "check_ledger")

    def _generate(self, day: int) -> Iterator[Step]:
        """The generations of a day: more by day than by night, more on weekdays."""
        morning = self._day(day)
        is_outage = day == self._outage
        for _ in range(_WEEKDAYS[morning.weekday()] + self._random.randrange(9)):
            at = morning + timedelta(hours=self._random.triangular(1, 24, 16))
            user = self._random.choice(self._users)
            yield from self._generation(user, at, is_outage=is_outage)
        # Users who get an error from the broken provider try again.
        for _ in range(60 if is_outage else 0):
            at = morning + timedelta(hours=self._random.uniform(10, 13))
            user = self._random.choice(self._users)
            yield from self._generation(user, at, is_outage=True, provider=_BROKEN)

    def _leave_in_flight(self) -> Iterator[Step]:
        """A few generations that are still in flight when the month ends."""
        for minutes in (3, 7, 12, 18, 25):
            yield self._step(
                self._now - timedelta(minutes=minutes),
                "start_generation",
                user_id=self._random.choice(self._users),
                provider="longtake",
                generation_type="video",
                credits=12,
                generation_id=self._uuid(),
                quoted_cost_usd=Decimal("0.19"),
            )

    def _generation(
        self, user: UUID, at: datetime, *, is_outage: bool, provider: str = ""
    ) -> Iterator[Step]:
        """One generation from its start to its end, however it ends."""
        rng = self._random
        (chosen,) = rng.choices(list(_PROVIDERS), list(_PROVIDERS.values()))
        provider = provider or chosen
        kind = "video" if provider == "longtake" else rng.choice(["image", "image", "large image"])
        price, cost = _TYPES[kind]
        billed = (Decimal(cost) * Decimal(rng.randrange(92, 112)) / 100).quantize(Decimal("0.0001"))
        ids = {"user_id": user, "generation_id": self._uuid()}
        yield self._step(
            at,
            "start_generation",
            **ids,
            provider=provider,
            generation_type=kind,
            credits=price,
            quoted_cost_usd=Decimal(cost) if rng.random() < 0.8 else None,
        )
        yield self._step(
            at + timedelta(seconds=1), "attach_provider_task", **ids, provider_task_id=None
        )
        seconds = rng.lognormvariate(3 if kind != "video" else 4.6, 0.5)
        end = at + timedelta(seconds=2 + seconds)
        is_broken = is_outage and provider == _BROKEN
        luck = rng.random()
        if is_broken and 9 <= at.hour < 18:
            luck = 0.985 if luck < 0.8 else luck / 2
        if luck < 0.965:
            reported = billed if rng.random() < 0.7 else None
            yield self._step(end, "complete_generation", **ids, cost_usd=reported)
        elif luck < 0.99:
            yield self._failure(end, ids, billed, is_broken=is_broken)
        elif luck < 0.995:
            yield self._step(end, "cancel_generation", **ids, reason="took too long")
        # The provider never calls back about the others: maintenance times them out.

    def _failure(
        self, at: datetime, ids: dict[str, UUID], cost: Decimal, *, is_broken: bool
    ) -> Step:
        error = self._random.choice([*_MESSAGES, "service_unavailable"])
        if is_broken:
            error = "service_unavailable"
        bills = self._random.choice([True, False, None])
        return self._step(
            at,
            "fail_generation",
            **ids,
            error_type=error,
            error_message=_MESSAGES[error],
            provider_billed=bills,
            cost_usd=cost if bills else None,
        )

    def _step(self, at: datetime, function: str, **arguments: Any) -> Step:
        named = {f"p_{name}": value for name, value in arguments.items()}
        return Step(at, next(self._places), function, named)

    def _day(self, number: int) -> datetime:
        return self._first + timedelta(days=number)

    def _uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)
