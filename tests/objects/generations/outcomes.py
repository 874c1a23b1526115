"""What a generation's row, events and alerts must say; attempts are in promises.attempts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from support.api import call, new_user, refused
from support.attempts import PROVIDER, TYPE, alerts, generation
from support.books import no_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from decimal import Decimal
    from uuid import UUID

    import psycopg

    from support.attempts import Attempt

LONG = "x" * 100_000


def said(
    attempt: Attempt,
    status: str,
    *,
    price: int = 10,
    back: int = 0,
    balance: int | None = None,
    applied: bool = True,
    replayed: bool = False,
) -> tuple[Any, ...]:
    """What a call must return for a generation in this state.

    Args:
        attempt: The generation.
        status: Where it stands.
        price: What was charged.
        back: What came back of it.
        balance: What its user can spend; None = 100 less the net price.
        applied: Whether the call changed it.
        replayed: Whether the call only repeated an earlier one.
    """
    return (
        attempt.generation,
        attempt.user,
        status,
        price,
        back,
        status != "succeeded" and back > 0,
        100 - price + back if balance is None else balance,
        applied,
        replayed,
    )


def begin(conn: psycopg.Connection[Any], user: UUID, price: Any = 10, **named: Any) -> Any:
    """The result of start_generation, with the usual provider and type; refusals get through."""
    provider = named.pop("p_provider", PROVIDER)
    kind = named.pop("p_generation_type", TYPE)
    return call(conn, "start_generation", user, provider, kind, price, **named)


def bill(conn: psycopg.Connection[Any], attempt: Attempt) -> tuple[Decimal | None, bool | None]:
    """(cost_usd, provider_billed) of the generation."""
    row = generation(conn, attempt)
    return row.cost_usd, row.provider_billed


def raised(conn: psycopg.Connection[Any], attempt: Attempt) -> dict[str, int]:
    """How often each type of alert was raised for the generation."""
    return {
        alert.type: alert.occurrences
        for alert in alerts(conn, attempt.user)
        if alert.generation_id == attempt.generation
    }


@contextmanager
def not_found(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """The block must be refused with PT404 generation_not_found, and leave no trace."""
    with no_trace(conn), refused("PT404", "generation_not_found"):
        yield


def refuses_what_is_no_generation_of_the_user(
    conn: psycopg.Connection[Any],
    attempt: Attempt,
    act: Callable[[UUID | None, UUID | None], Any],
) -> None:
    """A function must refuse a null user, and null, unknown and foreign generations.

    Args:
        conn: Any connection.
        attempt: A generation that exists.
        act: Calls the function for this user and generation.
    """
    stranger = new_user()
    call(conn, "grant_user_credits", stranger, 1)
    for user, generation_id, argument in (
        (None, attempt.generation, "p_user_id"),
        (attempt.user, None, "p_generation_id"),
        (None, None, "p_user_id"),
    ):
        with no_trace(conn), refused("PT422", "invalid_argument", argument=argument, value=None):
            act(user, generation_id)
    for user, generation_id in (
        (attempt.user, new_user()),
        (stranger, attempt.generation),
        (new_user(), attempt.generation),
    ):
        with (
            no_trace(conn),
            refused("PT404", "generation_not_found", generation_id=str(generation_id)),
        ):
            act(user, generation_id)
