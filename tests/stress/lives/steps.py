"""The events of the walk: each as a call of the database, and as the model takes it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stress.lives.expected import Life, Report

if TYPE_CHECKING:
    from collections.abc import Callable

PROVIDER = "acme"
GRANTED = 1000
# Odd, so that no percent of it is whole; and no two of the amounts below are the same.
CHARGE = 11
# 6, 4, 9, 11 and 8 credits come back by these.
PERCENTS = {"internal_error": 50, "user_cancelled": 30, "timeout": 80, "rate_limited": 70, "*": 100}
# As seeded: a cancellation that gives nothing back.
STRICT = {**PERCENTS, "user_cancelled": 0}

RESULT = (
    "select r.status, r.credits_charged, r.credits_refunded, r.refunded, r.balance, r.applied,"
    " r.replayed from credits.{} as r"
)


@dataclass(frozen=True)
class Step:
    """One event. Its statement names $user, $generation, $charge by these words."""

    name: str
    statement: str
    tell: Callable[[Life], Any]

    def __str__(self) -> str:
        """Its name."""
        return self.name


def attach(name: str, task: str | None) -> Step:
    quoted = "null" if task is None else f"'{task}'"
    return Step(
        name,
        RESULT.format(f"attach_provider_task($user, $generation, {quoted})"),
        lambda life: life.attach(task),
    )


def direct(name: str, function: str, arguments: str, report: Report) -> Step:
    return Step(
        name,
        RESULT.format(f"{function}($user, $generation{arguments})"),
        lambda life: life.direct(report),
    )


def callback(name: str, arguments: str, report: Report, task: str = "T") -> Step:
    return Step(
        name,
        RESULT.format(f"handle_provider_callback('{PROVIDER}', '{task}', {arguments})"),
        lambda life: life.callback(task, report),
    )


def by_hand(name: str, amount: int | None) -> Step:
    return Step(
        name,
        "select r.refunded, r.credits_refunded, r.balance, r.replayed"
        f" from credits.refund_user_credits($user, $charge, {amount or 'null'}) as r",
        lambda life: life.refund(amount),
    )


def mapping(life: Life) -> None:
    life.tasks |= {"T"}


CORE = [
    attach("attach", "T"),
    callback("progress", "'202'", Report("progress", is_callback=True)),
    callback(
        "success callback",
        "'200', p_cost_usd => 0.07",
        Report("success", is_callback=True, cost=Decimal("0.07")),
    ),
    direct("complete", "complete_generation", "", Report("success")),
    direct(
        "complete for less",
        "complete_generation",
        ", 4, p_cost_usd => 0.05",
        Report("success", final=4, cost=Decimal("0.05")),
    ),
    callback(
        "failure callback",
        "'500', p_cost_usd => 0.02",
        Report("failure", is_callback=True, error_type="internal_error", cost=Decimal("0.02")),
    ),
    direct(
        "fail",
        "fail_generation",
        ", 'network_error', p_provider_billed => false, p_cost_usd => 0.03",
        Report("failure", error_type="network_error", billed=False, cost=Decimal("0.03")),
    ),
    direct("cancel", "cancel_generation", "", Report("cancel")),
    Step(
        "sweep",
        "select r.credits from credits.sweep_stuck_generations() as r",
        lambda life: [(refunded,) for refunded in life.sweep()],
    ),
    by_hand("refund by hand", None),
]

# What else there is, up to a smaller length.
MORE = [
    attach("attach without id", None),
    attach("attach another id", "U"),
    Step(
        "map by hand",
        f"insert into credits.provider_tasks as t values ('{PROVIDER}', 'T', $user, $generation,"
        " now()) on conflict (provider, provider_task_id) do update set user_id = excluded.user_id,"
        " generation_id = excluded.generation_id where t.user_id is null returning null",
        mapping,
    ),
    callback("success of the other id", "'200'", Report("success", is_callback=True), task="U"),
    callback(
        "rate limited",
        "'429'",
        Report("failure", is_callback=True, error_type="rate_limited"),
    ),
    callback(
        "who knows",
        "'what?', p_cost_usd => 0.01",
        Report("who knows", is_callback=True, is_classified=False),
    ),
    direct("complete for nothing", "complete_generation", ", 0", Report("success", final=0)),
    direct("complete for more", "complete_generation", ", 12", Report("success", final=12)),
    direct(
        "fail as cancelled",
        "fail_generation",
        ", 'user_cancelled', p_provider_billed => true",
        Report("failure", error_type="user_cancelled", billed=True),
    ),
    by_hand("refund a part by hand", 3),
]
