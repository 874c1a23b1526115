"""When things happen in the demo, and how often: scenes on days of the last three months."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pgcredits.demo import world
from pgcredits.demo.bad_requests import BAD_REQUESTS, FROZEN, REWRITTEN
from pgcredits.demo.client import Client, RefusedCallError, Tally
from pgcredits.demo.clock import Calendar, Clock
from pgcredits.demo.world import PERSONAS, PRICES, SMALL, User

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from typing import Self

CONNECTIONS = 4

#: How often everybody may generate something in a scene.
ROUNDS = 12

PLANS = (None, "free", "plus", "pro")

#: Chances, each time a user generates something.
ANSWER_LOST = 0.05
FAILED = 0.08
REPORTED_TWICE = 0.30
NOT_AS_ORDERED = 0.03
ACCOUNT_SHOWN = 0.05
BAD_REQUEST = 0.02

#: Chances for each user, once.
WEBHOOK_TWICE = 0.30
BUYS_AT_ONCE = 0.40
CHANGES_PLAN = 0.10
COMPLAINS_LATE = 0.15
CHARGED_BACK = 0.05


# --- what users do --------------------------------------------------------------------------------


def sign_up(app: Client, user: User, calendar: Calendar) -> None:
    """A new user: a promotion that lasts for some days, a plan, perhaps a first purchase."""
    world.give_promo(app, user, 10, expires_at=calendar.day(2, 15))
    if user.persona.plan is not None:
        world.subscribe(app, user, user.persona.plan)
    if user.rng.random() < user.persona.buys * BUYS_AT_ONCE:
        buy(app, user)


def buy(app: Client, user: User) -> None:
    """A purchase; some payment providers report it more than once."""
    payment_id = user.new_key("payment")
    world.buy(app, user, user.persona.pack, payment_id)
    if user.rng.random() < WEBHOOK_TWICE:
        world.buy(app, user, user.persona.pack, payment_id)


def generate(app: Client, user: User, _: Calendar) -> None:
    """Charge, then generate; give back what failed. Now and then something is odd."""
    if user.rng.random() >= user.persona.active:
        return
    price = user.rng.choice(PRICES)
    key = user.new_key("generation")
    try:
        charge = world.charge(app, user, price, key)
    except RefusedCallError as refusal:
        if refusal.code == "account_frozen":
            return
        if refusal.code != "insufficient_credits":
            raise
        if user.rng.random() >= user.persona.buys:
            return
        buy(app, user)
        # A refused call stores nothing, so that its key is free.
        charge = world.charge(app, user, price, key)

    if user.rng.random() < ANSWER_LOST:
        world.charge(app, user, price, key)
    if user.rng.random() < FAILED:
        world.refund(app, user, charge, key=f"{key}-failed")
        if user.rng.random() < REPORTED_TWICE:
            world.refund(app, user, charge, key=user.rng.choice([f"{key}-failed", None]))
    elif price > 1 and user.rng.random() < NOT_AS_ORDERED:
        world.refund(app, user, charge, amount=price // 2)
    if user.rng.random() < ACCOUNT_SHOWN:
        world.show_account(app, user)
    if user.purchases and user.rng.random() < BAD_REQUEST:
        user.rng.choice(BAD_REQUESTS).make(app, user)


def change_plan(app: Client, user: User, _: Calendar) -> None:
    """Some users upgrade or downgrade; a change mints nothing, however often."""
    if user.rng.random() < CHANGES_PLAN:
        world.subscribe(app, user, user.rng.choice(PLANS))


def complain_late(app: Client, user: User, _: Calendar) -> None:
    """A refund whose credits have expired meanwhile: they come back with a life of their own."""
    if user.charges and user.rng.random() < COMPLAINS_LATE:
        world.refund(app, user, user.charges[0])


# --- what the operator does -----------------------------------------------------------------------


def allow_rollover(office: Client, _: list[User]) -> None:
    """Plans are configuration: an operator edits them."""
    office.connection.execute(
        "update credits.plans set rollover_max_credits = 20 where plan in ('plus', 'pro')"
    )


def grant_allowances(office: Client, _: list[User]) -> None:
    """The monthly credits of all plans."""
    world.grant_allowances(office)


def start_the_day(office: Client, _: list[User]) -> None:
    """What `pgcredits maintain` does: the due expiries, then the allowances."""
    world.expire(office)
    world.grant_allowances(office)


def charge_back(office: Client, users: list[User]) -> None:
    """A few buyers return their payment."""
    for user in users:
        if user.purchases and user.rng.random() < CHARGED_BACK:
            world.charge_back(office, user, user.purchases[-1])


# --- Ada, whose ledger is printed -----------------------------------------------------------------


def ada_starts(desk: Desk, ada: User) -> None:
    """A promotion, a plan and a purchase: three lots, each with rules of its own."""
    world.give_promo(desk.app, ada, 30, expires_at=desk.calendar.day(2, 15))
    world.subscribe(desk.app, ada, "plus")
    world.buy(desk.app, ada, world.Pack("medium pack", 100, SMALL.unit_price_usd), "payment-ada")


def ada_spends(desk: Desk, ada: User) -> None:
    """The promotion burns first: it expires soonest."""
    first = world.charge(desk.app, ada, 12, "ada-1")
    world.charge(desk.app, ada, first.credits, first.key)  # the answer was lost: a retry
    second = world.charge(desk.app, ada, 4, "ada-2")
    world.refund(desk.app, ada, second, amount=2)


def ada_complains(desk: Desk, ada: User) -> None:
    """The first charge is refunded after its lot has expired: a fresh lot, for a week."""
    world.refund(desk.app, ada, ada.charges[0])
    world.charge(desk.app, ada, 20, "ada-3")


def ada_goes_on(desk: Desk, ada: User) -> None:
    """Unused allowance was rolled over; one charge takes from three lots, and fails."""
    third = world.charge(desk.app, ada, 80, "ada-4")
    world.refund(desk.app, ada, third)
    world.refund(desk.app, ada, third)  # by the callback and by the sweep: paid once
    world.charge(desk.app, ada, 90, "ada-5")


def ada_is_charged_back(desk: Desk, ada: User) -> None:
    """What is left of the purchase is taken; what she spent of it, when it comes back."""
    world.charge_back(desk.office, ada, ada.purchases[0])
    FROZEN.make(desk.app, ada)
    world.refund(desk.app, ada, ada.charges[-1])


def ada_returns(desk: Desk, ada: User) -> None:
    """She may spend again; and then everything is tried that must not work."""
    world.unfreeze(desk.office, [ada])
    world.charge(desk.app, ada, 5, "ada-6")
    for bad in BAD_REQUESTS:
        bad.make(desk.app, ada)
    REWRITTEN.make(desk.owner, ada)


# --- the scenes -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Everybody:
    """All users do this, so many times, through all connections at once."""

    do: Callable[[Client, User, Calendar], None]
    times: int = 1


@dataclass(frozen=True)
class Office:
    """The operator does this."""

    do: Callable[[Client, list[User]], None]


@dataclass(frozen=True)
class Ada:
    """One user's own scene."""

    do: Callable[[Desk, User], None]


Act: TypeAlias = Everybody | Office | Ada


@dataclass(frozen=True)
class Scene:
    """A day: what happens on it, one after the other.

    Attributes:
        day: Of the month; None is today, by the real clock.
    """

    title: str
    months_ago: int
    day: int | None
    acts: tuple[Act, ...]


STORY = (
    Scene(
        "launch",
        months_ago=2,
        day=3,
        acts=(
            Office(allow_rollover),
            Everybody(sign_up),
            Ada(ada_starts),
            Office(grant_allowances),
            Everybody(generate, times=ROUNDS),
            Ada(ada_spends),
        ),
    ),
    Scene(
        "the promotion has expired",
        months_ago=2,
        day=18,
        acts=(
            Office(start_the_day),
            Everybody(change_plan),
            Office(grant_allowances),
            Everybody(complain_late),
            Everybody(generate, times=ROUNDS),
            Ada(ada_complains),
        ),
    ),
    Scene(
        "a new month",
        months_ago=1,
        day=2,
        acts=(
            Office(start_the_day),
            Everybody(complain_late),
            Everybody(generate, times=ROUNDS),
            Ada(ada_goes_on),
        ),
    ),
    Scene(
        "chargebacks",
        months_ago=1,
        day=18,
        acts=(
            Office(start_the_day),
            Everybody(change_plan),
            Office(charge_back),
            Everybody(generate, times=ROUNDS),
            Ada(ada_is_charged_back),
        ),
    ),
    Scene(
        "today",
        months_ago=0,
        day=None,
        acts=(
            Office(start_the_day),
            Everybody(generate, times=ROUNDS),
            Ada(ada_returns),
        ),
    ),
)


# --- telling it -----------------------------------------------------------------------------------


class Watcher(Protocol):
    """Who is told how far the story is."""

    def scene(self, title: str, steps: int) -> None:
        """A scene begins that takes so many steps."""

    def step(self) -> None:
        """One of them is done; told by several threads."""


@dataclass
class Desk:
    """Everything at hand: connections, each in the role of who uses it, and the calendar."""

    owner: Client
    office: Client
    apps: list[Client]
    clock: Clock
    calendar: Calendar

    @classmethod
    def open(cls, dsn: str, connections: int, closing: ExitStack) -> Self:
        """Connect; `closing` closes all of it."""

        def client(role: str | None) -> Client:
            return closing.enter_context(Client(dsn, role))

        owner = client(None)
        clock = Clock(owner.connection)
        return cls(
            owner=owner,
            office=client("credits_operator"),
            apps=[client("credits_app") for _ in range(connections)],
            clock=clock,
            calendar=Calendar(clock.now()),
        )

    @property
    def app(self) -> Client:
        """Any of the applications."""
        return self.apps[0]

    def tally(self) -> Tally:
        """All calls so far."""
        return Tally.sum(client.tally for client in (*self.apps, self.office, self.owner))


@dataclass
class Teller:
    """Tells the story on one database."""

    desk: Desk
    users: list[User]
    ada: User
    watcher: Watcher
    _stop: threading.Event = field(default_factory=threading.Event)

    def tell(self) -> None:
        """All scenes, to the end, or to the first thing that is not as it should be."""
        with ThreadPoolExecutor(len(self.desk.apps)) as pool:
            try:
                for scene in STORY:
                    self._play(scene, pool)
            finally:
                self._stop.set()

    def _play(self, scene: Scene, pool: ThreadPoolExecutor) -> None:
        rounds = sum(act.times for act in scene.acts if isinstance(act, Everybody))
        self.watcher.scene(scene.title, rounds * len(self.users))
        if scene.day is None:
            self.desk.clock.set_right()
        else:
            self.desk.clock.set(self.desk.calendar.day(scene.months_ago, scene.day))
        for act in scene.acts:
            match act:
                case Everybody():
                    queues = [
                        pool.submit(self._serve, app, self.users[i :: len(self.desk.apps)], act)
                        for i, app in enumerate(self.desk.apps)
                    ]
                    for queue in queues:
                        queue.result()
                case Office():
                    act.do(self.desk.office, self.users)
                case Ada():
                    act.do(self.desk, self.ada)

    def _serve(self, app: Client, users: list[User], act: Everybody) -> None:
        """One connection's share of the users, round after round."""
        for _ in range(act.times):
            for user in users:
                if self._stop.is_set():
                    return
                act.do(app, user, self.desk.calendar)
                self.watcher.step()


def invite(seed: int, users: int) -> tuple[list[User], User]:
    """So many users by chance, and Ada, whose story is always the same."""
    regular = PERSONAS[2]
    ada = User(0, regular, Random(0))  # noqa: S311
    shares = [persona.share for persona in PERSONAS]
    crowd = []
    for number in range(1, users):
        rng = Random(f"{seed} {number}")  # noqa: S311
        (persona,) = rng.choices(PERSONAS, shares)
        crowd.append(User(number, persona, rng))
    return crowd, ada
