"""Thirty days of a platform, made by the real functions: what the report is shown over."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg import sql

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

#: To prove all ledgers takes longest, and is done less often than the rest.
_MAINTENANCE = (
    "sweep_stuck_generations",
    "retry_failed_refunds",
    "expire_user_credits",
    "apply_monthly_allowances",
    "check_alerts",
)

# The one thing that is replaced: what time it is. Inlined like the real one.
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
    """Fill the deployed database with a month that ends now; how many generations there are.

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
        steps = sorted(step for step in _steps(first, now) if step.at <= now)
        for offset in range(0, len(steps), 250):
            if offset == 1000 or offset % 4000 == 0:
                connection.execute("analyze")
            with connection.transaction(), connection.pipeline():
                for step in steps[offset : offset + 250]:
                    connection.execute(_SET_NOW, [step.at.isoformat()])
                    connection.execute(*_query(step))
        connection.execute(real.encode())
        # As it would be this minute: every ledger has just been checked.
        connection.execute("select from credits.run_maintenance()")
    return sum(step.function == "start_generation" for step in steps)


def _query(step: Step) -> tuple[Any, dict[str, Any]]:
    names = step.arguments
    return (
        sql.SQL("select from {}({})").format(
            sql.Identifier("credits", step.function),
            sql.SQL(", ").join(
                sql.SQL("{} => {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in names
            ),
        ),
        names,
    )


def _steps(first: datetime, now: datetime) -> Iterator[Step]:
    rng = Random(30)  # noqa: S311
    place = 0

    def step(at: datetime, function: str, **arguments: Any) -> Step:
        nonlocal place
        place += 1
        return Step(at, place, function, {f"p_{name}": v for name, v in arguments.items()})

    users = [UUID(int=rng.getrandbits(128), version=4) for _ in range(USERS)]
    for number, user in enumerate(users):
        joins = first + timedelta(minutes=number)
        plan = ("free", "free", "plus", "pro")[number % 4]
        yield step(joins, "set_user_plan", user_id=user, plan=plan)
        for pack in range(3):
            yield step(
                joins + timedelta(days=9 * pack, seconds=1),
                "grant_user_credits",
                user_id=user,
                credits=400,
                source="purchase",
                unit_price_usd=Decimal("0.05") if number % 2 else Decimal("0.04"),
                idempotency_key=f"payment-{number}-{pack}",
            )
    last = DAYS - 1 - OUTAGE_DAYS_AGO
    outage = next(d for d in range(last, 0, -1) if (first + timedelta(days=d)).weekday() == 2)
    for day in range(DAYS):
        morning = first + timedelta(days=day)
        often = day == outage
        for turn in range(48 if often else 4):
            at = morning + timedelta(minutes=59 + turn * (30 if often else 360))
            for task in _MAINTENANCE:
                yield step(at, task)
        if day % 10 == 0:
            yield step(morning + timedelta(hours=3), "check_ledger")
        for _ in range(_WEEKDAYS[morning.weekday()] + rng.randrange(9)):
            # More by day than by night.
            at = morning + timedelta(hours=rng.triangular(1, 24, 16))
            yield from _generation(rng, rng.choice(users), at, step, is_outage=often)
        for _ in range(60 if often else 0):
            # Who gets an error tries again.
            at = morning + timedelta(hours=rng.uniform(10, 13))
            yield from _generation(
                rng, rng.choice(users), at, step, is_outage=True, provider=_BROKEN
            )
    for minutes in (3, 7, 12, 18, 25):
        at = now - timedelta(minutes=minutes)
        yield step(
            at,
            "start_generation",
            user_id=rng.choice(users),
            provider="longtake",
            generation_type="video",
            credits=12,
            generation_id=UUID(int=rng.getrandbits(128), version=4),
            quoted_cost_usd=Decimal("0.19"),
        )


def _generation(
    rng: Random, user: UUID, at: datetime, step: Any, *, is_outage: bool, provider: str = ""
) -> Iterator[Step]:
    (chosen,) = rng.choices(list(_PROVIDERS), list(_PROVIDERS.values()))
    provider = provider or chosen
    kind = "video" if provider == "longtake" else rng.choice(["image", "image", "large image"])
    price, cost = _TYPES[kind]
    billed = (Decimal(cost) * Decimal(rng.randrange(92, 112)) / 100).quantize(Decimal("0.0001"))
    ids = {"user_id": user, "generation_id": UUID(int=rng.getrandbits(128), version=4)}
    yield step(
        at,
        "start_generation",
        **ids,
        provider=provider,
        generation_type=kind,
        credits=price,
        quoted_cost_usd=Decimal(cost) if rng.random() < 0.8 else None,
    )
    yield step(at + timedelta(seconds=1), "attach_provider_task", **ids, provider_task_id=None)
    seconds = rng.lognormvariate(3 if kind != "video" else 4.6, 0.5)
    end = at + timedelta(seconds=2 + seconds)
    luck = rng.random()
    if is_outage and provider == _BROKEN and 9 <= at.hour < 18:
        luck = 0.985 if luck < 0.8 else luck / 2
    if luck < 0.965:
        reported = billed if rng.random() < 0.7 else None
        yield step(end, "complete_generation", **ids, cost_usd=reported)
    elif luck < 0.99:
        error = rng.choice([*_MESSAGES, "service_unavailable"])
        if is_outage and provider == _BROKEN:
            error = "service_unavailable"
        bills = rng.choice([True, False, None])
        yield step(
            end,
            "fail_generation",
            **ids,
            error_type=error,
            error_message=_MESSAGES[error],
            provider_billed=bills,
            cost_usd=billed if bills else None,
        )
    elif luck < 0.995:
        yield step(end, "cancel_generation", **ids, reason="took too long")
    # And the others are never heard of again: maintenance gives them up.
