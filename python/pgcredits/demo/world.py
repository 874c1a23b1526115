"""The users of the demo, and what an application does for them: each act is one call.

Read it as an example: what is written here with `app.call("deduct_user_credits", p_credits=2)` is
``select * from credits.deduct_user_credits(p_credits => 2)`` in any other language.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from pgcredits.errors import PgcreditsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

    from pgcredits.demo.client import Client


@dataclass(frozen=True)
class Pack:
    """Credits as they are sold."""

    name: str
    credits: int
    unit_price_usd: Decimal


@dataclass(frozen=True)
class Persona:
    """A kind of user.

    Attributes:
        share: How many of a hundred users are like this.
        plan: The subscription; None for none.
        active: The chance that one generates something in a round.
        buys: The chance that one who has run out of credits buys more.
        pack: What they buy then.
    """

    name: str
    share: int
    plan: str | None
    active: float
    buys: float
    pack: Pack


@dataclass(frozen=True)
class Charge:
    """A deduction as the application remembers it."""

    transaction_id: UUID
    credits: int
    key: str


@dataclass
class User:
    """A user, as the application knows them; the credits are known to the database alone.

    All that is left to chance comes from the user's own random numbers, so that it does not matter
    which connection serves whom.
    """

    number: int
    persona: Persona
    rng: Random
    id: UUID = field(default_factory=uuid4)
    charges: list[Charge] = field(default_factory=list)
    purchases: list[UUID] = field(default_factory=list)
    requests: int = 0

    def new_key(self, kind: str) -> str:
        """An idempotency key: it names one request, and is stored before the request is made."""
        self.requests += 1
        return f"{kind}-{self.number}-{self.requests}"


SMALL = Pack("small pack", 50, Decimal("0.10"))
LARGE = Pack("large pack", 500, Decimal("0.06"))

PERSONAS = (
    Persona("visitor", share=20, plan=None, active=0.15, buys=0.02, pack=SMALL),
    Persona("free", share=45, plan="free", active=0.20, buys=0.10, pack=SMALL),
    Persona("regular", share=25, plan="plus", active=0.60, buys=0.50, pack=SMALL),
    Persona("studio", share=10, plan="pro", active=0.95, buys=0.90, pack=LARGE),
)

#: What a generation costs, in credits: a preview, an image, a large image, a video.
PRICES = (1, 2, 4, 12)

#: What the work is expected to cost at the provider, for each credit charged.
COST_PER_CREDIT_USD = Decimal("0.02")


# --- what the application does --------------------------------------------------------------------


def subscribe(app: Client, user: User, plan: str | None) -> None:
    """Put a user on a plan. The allowance comes by the next `grant_allowances`."""
    app.call("set_user_plan", p_user_id=user.id, p_plan=plan)


def give_promo(app: Client, user: User, amount: int, expires_at: datetime) -> None:
    """Give credits away that do not last."""
    app.call(
        "grant_user_credits",
        p_user_id=user.id,
        p_credits=amount,
        p_source="promo",
        p_expires_at=expires_at,
        p_unit_price_usd=Decimal(0),
        p_reason="welcome",
        p_idempotency_key="welcome",
    )


def buy(app: Client, user: User, pack: Pack, payment_id: str) -> None:
    """A payment came in. Its id is the key: the provider's second webhook grants nothing."""
    purchase = app.call(
        "grant_user_credits",
        p_user_id=user.id,
        p_credits=pack.credits,
        p_source="purchase",
        p_unit_price_usd=pack.unit_price_usd,
        p_reason=pack.name,
        p_idempotency_key=payment_id,
    )
    if not purchase.replayed:
        user.purchases.append(purchase.transaction_id)


def charge(app: Client, user: User, price: int, key: str) -> Charge:
    """Take the price of a generation, before it is started.

    Raises:
        RefusedCallError: insufficient_credits, account_frozen.
    """
    deduction = app.call(
        "deduct_user_credits",
        p_user_id=user.id,
        p_credits=price,
        p_reason="generation",
        p_idempotency_key=key,
        p_cost_usd=price * COST_PER_CREDIT_USD,
    )
    made = Charge(deduction.transaction_id, price, key)
    if not deduction.replayed:
        user.charges.append(made)
    return made


def refund(
    app: Client, user: User, of: Charge, amount: int | None = None, key: str | None = None
) -> Any:
    """Give a charge back, all that is left of it or so many credits."""
    return app.call(
        "refund_user_credits",
        p_user_id=user.id,
        p_transaction_id=of.transaction_id,
        p_credits=amount,
        p_reason="generation failed" if amount is None else "not as ordered",
        p_idempotency_key=key,
    )


def show_account(app: Client, user: User) -> None:
    """What a user sees on the account's page."""
    app.call("get_user_credits", p_user_id=user.id)
    app.rows("get_user_transactions", p_user_id=user.id, p_limit=10)


# --- what the operator does -----------------------------------------------------------------------


def grant_allowances(office: Client) -> None:
    """What plans bring this month; to be run again and again, as it is safe to repeat."""
    _sweep(office, "apply_monthly_allowances")


def expire(office: Client) -> None:
    """Write what has expired. It could not be spent since then, written or not."""
    _sweep(office, "expire_user_credits")


def charge_back(office: Client, user: User, purchase: UUID) -> None:
    """A buyer had the payment returned: take the credits back, and stop the account."""
    office.call(
        "revoke_user_credits",
        p_user_id=user.id,
        p_transaction_id=purchase,
        p_reason="chargeback",
        p_idempotency_key=f"chargeback-{purchase}",
    )
    office.call("freeze_user_credits", p_user_id=user.id, p_reason="chargeback under review")


def unfreeze(office: Client, users: Sequence[User]) -> None:
    """The matter is settled."""
    for user in users:
        office.call("unfreeze_user_credits", p_user_id=user.id)


def _sweep(office: Client, function: str) -> None:
    """Call a sweep until it finds nobody left; each call serves up to a hundred users."""
    while served := office.rows(function, p_limit=100):
        for user in served:
            if user.error is not None:
                raise PgcreditsError(f"{function} could not serve {user.user_id}: {user.error}")
