"""Requests that must be refused: each with the error that must come, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from pgcredits.demo import world
from pgcredits.demo.client import RefusedCallError
from pgcredits.errors import PgcreditsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgcredits.demo.client import Client
    from pgcredits.demo.world import User

    Request = Callable[[Client, User], object]


@dataclass(frozen=True)
class BadRequest:
    """Something that an application, or somebody in psql, should not do."""

    request: Request
    sqlstate: str
    code: str

    def make(self, client: Client, user: User) -> None:
        """Make it, and see that it is refused as it should be.

        Raises:
            PgcreditsError: It was not.
        """
        answer = "it was let through"
        try:
            self.request(client, user)
        except RefusedCallError as refusal:
            if (refusal.sqlstate, refusal.code) == (self.sqlstate, self.code):
                return
            answer = f"the answer was {refusal.sqlstate} {refusal.code}: {refusal}"
        name = self.request.__name__.replace("_", " ")
        raise PgcreditsError(f"{name}: {self.sqlstate} {self.code} was expected, but {answer}")


#: By an application, about a user who has been charged and has bought something.
BAD_REQUESTS: list[BadRequest] = []


def refused_with(sqlstate: str, code: str) -> Callable[[Request], Request]:
    """Add the request to the list."""

    def add(request: Request) -> Request:
        BAD_REQUESTS.append(BadRequest(request, sqlstate, code))
        return request

    return add


@refused_with("PT402", "insufficient_credits")
def charge_more_than_there_is(app: Client, user: User) -> None:  # noqa: D103
    world.charge(app, user, 10**9, user.new_key("generation"))


@refused_with("PT404", "transaction_not_found")
def refund_an_unknown_transaction(app: Client, user: User) -> None:  # noqa: D103
    app.call("refund_user_credits", p_user_id=user.id, p_transaction_id=uuid4())


@refused_with("PT404", "plan_not_found")
def subscribe_to_an_unknown_plan(app: Client, user: User) -> None:  # noqa: D103
    world.subscribe(app, user, "platinum")


@refused_with("PT409", "over_refund")
def refund_more_than_was_charged(app: Client, user: User) -> None:  # noqa: D103
    world.refund(app, user, of=user.charges[0], amount=user.charges[0].credits + 1)


@refused_with("PT409", "idempotency_conflict")
def charge_another_price_under_a_used_key(app: Client, user: User) -> None:  # noqa: D103
    used = user.charges[0]
    world.charge(app, user, used.credits + 1, used.key)


@refused_with("PT409", "not_refundable")
def refund_a_purchase(app: Client, user: User) -> None:  # noqa: D103
    app.call("refund_user_credits", p_user_id=user.id, p_transaction_id=user.purchases[0])


@refused_with("PT422", "invalid_argument")
def sell_without_the_id_of_the_payment(app: Client, user: User) -> None:  # noqa: D103
    app.call("grant_user_credits", p_user_id=user.id, p_credits=50, p_source="purchase")


@refused_with("PT422", "invalid_argument")
def charge_a_negative_amount(app: Client, user: User) -> None:  # noqa: D103
    app.call("deduct_user_credits", p_user_id=user.id, p_credits=-5)


@refused_with("PT422", "invalid_argument")
def charge_nobody(app: Client, user: User) -> None:  # noqa: ARG001, D103
    app.call("deduct_user_credits", p_user_id=None, p_credits=1)


@refused_with("PT422", "invalid_argument")
def grant_from_an_unknown_source(app: Client, user: User) -> None:  # noqa: D103
    app.call("grant_user_credits", p_user_id=user.id, p_credits=50, p_source="heaven")


@refused_with("PT422", "invalid_argument")
def grant_what_has_expired(app: Client, user: User) -> None:  # noqa: D103
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    app.call("grant_user_credits", p_user_id=user.id, p_credits=50, p_expires_at=long_ago)


@refused_with("42501", "")
def unfreeze_as_an_application(app: Client, user: User) -> None:  # noqa: D103
    app.call("unfreeze_user_credits", p_user_id=user.id)


@refused_with("42501", "")
def set_a_balance_by_hand(app: Client, user: User) -> None:  # noqa: ARG001, D103
    app.attempt("update user_credits", "update credits.user_credits set balance = 1000000")


def charge_a_frozen_account(app: Client, user: User) -> None:  # noqa: D103
    world.charge(app, user, 1, user.new_key("generation"))


def rewrite_the_ledger(owner: Client, user: User) -> None:  # noqa: ARG001, D103
    owner.attempt(
        "update credit_transactions",
        "update credits.credit_transactions set credits = -1 where transaction_type = 'deduction'",
    )


FROZEN = BadRequest(charge_a_frozen_account, "PT403", "account_frozen")
#: Not even the owner of the tables may.
REWRITTEN = BadRequest(rewrite_the_ledger, "23001", "append_only")
