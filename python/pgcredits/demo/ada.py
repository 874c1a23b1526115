"""Ada, whose ledger is printed: plans, packs, promotions and a chargeback over three months."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pgcredits.demo.client import Client
from pgcredits.demo.clock import Calendar, Clock
from pgcredits.errors import PgcreditsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass
class Ada:
    """What the application knows of her; her credits are known to the database alone."""

    app: Client
    office: Client
    id: UUID = field(default_factory=uuid4)
    purchase: UUID | None = None
    charges: list[UUID] = field(default_factory=list)

    def subscribe(self, plan: str) -> None:
        """Put her on a plan. The allowance comes by `start_the_day`."""
        self.app.call("set_user_plan", p_user_id=self.id, p_plan=plan)

    def grant(self, source: str, amount: int, reason: str, **more: Any) -> UUID:
        """Give or sell her credits."""
        granted = self.app.call(
            "grant_user_credits",
            p_user_id=self.id,
            p_credits=amount,
            p_source=source,
            p_reason=reason,
            p_idempotency_key=f"{source}-ada",
            **more,
        )
        transaction_id: UUID = granted.transaction_id
        return transaction_id

    def charge(self, price: int) -> None:
        """Charge a price. The call is repeated, as if its answer was lost: she is charged once."""
        key = f"charge-{len(self.charges)}"
        for _ in range(2):
            deduction = self.app.call(
                "deduct_user_credits",
                p_user_id=self.id,
                p_credits=price,
                p_reason="generation",
                p_idempotency_key=key,
            )
        self.charges.append(deduction.transaction_id)

    def refund(self, charge: UUID, amount: int | None = None) -> None:
        """Refund so many credits of a charge, or all that is left of it."""
        self.app.call(
            "refund_user_credits",
            p_user_id=self.id,
            p_transaction_id=charge,
            p_credits=amount,
            p_reason="generation failed" if amount is None else "not as ordered",
        )

    def start_the_day(self) -> None:
        """What `pgcredits maintain` does: the due expiries, then the allowances."""
        for function in ("expire_user_credits", "apply_allowances"):
            for user in self.office.rows(function):
                if user.error is not None:
                    raise PgcreditsError(f"{function} could not serve {user.user_id}: {user.error}")


def starts(ada: Ada, calendar: Calendar) -> None:
    """A promotion, a plan and a purchase: three lots, each with rules of its own."""
    ada.office.connection.execute(
        "update credits.plans set rollover_max_credits = 20 where plan = 'plus'"
    )
    free = Decimal(0)
    ada.grant("promo", 30, "welcome", p_expires_at=calendar.day(2, 15), p_unit_price_usd=free)
    ada.subscribe("plus")
    ada.purchase = ada.grant("purchase", 100, "pack", p_unit_price_usd=Decimal("0.10"))
    ada.start_the_day()
    ada.charge(12)  # from the promotion: it expires soonest
    ada.charge(4)
    ada.refund(ada.charges[1], amount=2)


def complains(ada: Ada, _: Calendar) -> None:
    """The first charge is refunded after its lot has expired: a fresh lot, for a week."""
    ada.refund(ada.charges[0])
    ada.charge(20)


def goes_on(ada: Ada, _: Calendar) -> None:
    """Unused allowance was rolled over; one charge takes from three lots, and is refunded."""
    ada.charge(80)
    ada.refund(ada.charges[-1])
    ada.refund(ada.charges[-1])  # a repeated refund pays nothing more
    ada.charge(90)


def is_charged_back(ada: Ada, _: Calendar) -> None:
    """What is left of the purchase is revoked now; what she spent of it, when it is refunded."""
    ada.office.call(
        "revoke_user_credits",
        p_user_id=ada.id,
        p_transaction_id=ada.purchase,
        p_reason="chargeback",
    )
    ada.office.call("freeze_user_credits", p_user_id=ada.id, p_reason="chargeback under review")
    ada.refund(ada.charges[-1])


def returns(ada: Ada, _: Calendar) -> None:
    """She may spend again."""
    ada.office.call("unfreeze_user_credits", p_user_id=ada.id)
    ada.charge(5)


#: What happens, and when: so many months ago, on this day (None is today, by the real clock).
MONTHS: tuple[tuple[int, int | None, Callable[[Ada, Calendar], None]], ...] = (
    (2, 3, starts),
    (2, 18, complains),
    (1, 2, goes_on),
    (1, 18, is_charged_back),
    (0, None, returns),
)


def live(dsn: str, today: datetime | None = None) -> UUID:
    """Have her live through her months; returns who she is.

    Args:
        dsn: The database, whose clock is replaced meanwhile.
        today: The time at which her story ends, if not now.
    """
    with (
        Client(dsn) as owner,
        Client(dsn, "credits_app") as app,
        Client(dsn, "credits_operator") as office,
    ):
        clock = Clock(owner.connection)
        calendar = Calendar(today or clock.now())
        ada = Ada(app, office)
        for months_ago, day, act in MONTHS:
            if day is not None:
                clock.set(calendar.day(months_ago, day))
            elif today is not None:
                clock.set(today)
            else:
                clock.set_right()
            ada.start_the_day()
            act(ada, calendar)
        return ada.id
