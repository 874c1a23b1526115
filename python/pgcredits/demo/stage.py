"""Play all scenarios at once: every user goes through each of them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from pgcredits.demo.client import Client
from pgcredits.demo.office import FAULTY_PRICE, Office
from pgcredits.demo.provider import Order, Provider, Timetable
from pgcredits.demo.scenarios import STRICT_ERROR, STRICT_PERCENT, Scenario, every_scenario
from pgcredits.demo.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from uuid import UUID

APPLICATIONS = 4
WEBHOOKS = 4

#: What a generation costs, in credits: a preview, an image, a large image, a video.
PRICES = (1, 2, 5, 12)

#: The pause between two rounds of maintenance, and how long rounds go on that change nothing.
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 10.0

_POLICY = "update credits.refund_policies set refund_percent = %s where error_type = %s"
_FAILURES = """
select c.provider, c.code, c.error_type
from credits.provider_error_codes as c
where c.outcome = 'failed'
order by c.provider, c.code
"""


class Watcher(Protocol):
    """Is told how far the play is."""

    def scene(self, title: str, steps: int | None = None) -> None:
        """Something begins that takes so many steps."""

    def reach(self, steps: int) -> None:
        """So many of its steps are done by now, in total."""


@dataclass(frozen=True)
class Play:
    """What was played."""

    orders: list[Order]
    calls: int
    replays: int
    connections: int
    seconds: float


def play(dsn: str, users: int, watcher: Watcher, patience: float = PATIENCE_SECONDS) -> Play:
    """Have so many users go through every scenario, all at the same time.

    Returns when every generation has ended and nothing is owed, or when nobody has anything left
    to say and maintenance has changed nothing for `patience` seconds: what is wrong shows then.

    Raises:
        PgcreditsError: A call was refused.
    """
    with ExitStack() as closing:

        def client(role: str | None) -> Client:
            return closing.enter_context(Client(dsn, role))

        owner, operator = client(None), client("credits_operator")
        apps = [client("credits_app") for _ in range(APPLICATIONS + WEBHOOKS)]
        operator.connection.execute(_POLICY, [STRICT_PERCENT, STRICT_ERROR])
        scenarios = every_scenario(operator.connection.execute(_FAILURES))
        orders = _orders([uuid4() for _ in range(users)], scenarios)

        watcher.scene(f"{len(scenarios)} scenarios", len(orders))
        began = time.monotonic()
        _play(orders, Shop(apps), operator, owner, watcher, patience)
        return Play(
            orders=orders,
            calls=sum(one.calls.total() for one in (*apps, operator)),
            replays=sum(one.replays for one in apps),
            connections=len(apps) + 2,
            seconds=time.monotonic() - began,
        )


def _orders(users: Sequence[UUID], scenarios: Sequence[Scenario]) -> list[Order]:
    """One for each user and scenario."""
    rng = Random(1)  # noqa: S311
    return [
        Order(
            scenario=scenario,
            user_id=user_id,
            price=FAULTY_PRICE if scenario.refund_fails else rng.choice(PRICES),
            generation_id=uuid4(),
        )
        for user_id in users
        for scenario in scenarios
    ]


def _play(
    orders: list[Order],
    shop: Shop,
    operator: Client,
    owner: Client,
    watcher: Watcher,
    patience: float,
) -> None:
    with ExitStack() as closing:

        def pool(threads: int, name: str) -> ThreadPoolExecutor:
            made = ThreadPoolExecutor(threads, name)
            closing.callback(made.shutdown, cancel_futures=True)
            return made

        webhooks, applications = pool(WEBHOOKS, "provider"), pool(APPLICATIONS, "application")
        maintenance = pool(1, "maintenance")
        timetable = Timetable(webhooks)
        closing.callback(timetable.end)
        stop = threading.Event()
        closing.callback(stop.set)
        provider = Provider(timetable, shop.handle_callback)
        office = Office(operator, owner, provider.note_given_up)
        office.break_refunds(sum(order.scenario.refund_fails for order in orders))

        for sold in [applications.submit(shop.sell_pack, u) for u in {o.user_id for o in orders}]:
            sold.result()
        mixed = Random(2).sample(orders, len(orders))  # noqa: S311
        served = [applications.submit(shop.generate, order, provider) for order in mixed]

        def maintain() -> None:
            seen, changed_at = None, time.monotonic()
            while not stop.wait(PAUSE_SECONDS):
                are_served = _are_done(served, timetable)
                is_quiet = are_served and provider.is_idle
                progress = office.maintain()
                watcher.reach(progress.finished)
                if is_quiet and progress.in_flight == progress.owed == 0:
                    return
                # Threads that are still at work are waited for, however slow the machine is.
                if progress != seen or not (are_served and provider.is_waiting):
                    seen, changed_at = progress, time.monotonic()
                elif time.monotonic() - changed_at > patience:
                    return

        maintenance.submit(maintain).result()


def _are_done(served: list[Future[None]], timetable: Timetable) -> bool:
    """Whether all orders were served. Raises the first error of any of them."""
    if timetable.failure:
        raise timetable.failure
    done = [future for future in served if future.done()]
    for future in done:
        future.result()
    return len(done) == len(served)
