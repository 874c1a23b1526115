"""A user's books as the tests of the ledger look at them, and calls that must leave no trace."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import Refusal, call, refused
from support.state import rows_as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg

# Where a test stops the clock: the middle of a month, of a day and of an hour.
NOON = datetime(2031, 5, 16, 12, tzinfo=UTC)

MOST_CREDITS = 10**12
MOST_BALANCE = 9 * 10**15

# Amounts that no function takes as p_credits.
BAD_CREDITS = [0, -1, -5, MOST_CREDITS + 1, 2**63 - 1, -(2**63)]
BAD_DOLLARS = [
    Decimal(dollars)
    for dollars in (
        "-0.000001",
        "NaN",
        "Infinity",
        "-Infinity",
        "1000000000",
        "1e30",
        # Not 0, but would be rounded to it: free by mistake.
        "0.0000004",
    )
]
BAD_KEYS = ["", "k" * 201, "pgcredits:allowance:2031-05:5"]
# The largest metadata that are allowed: 16 kB as PostgreSQL prints them.
LONGEST_METADATA = {"k": "x" * 16_375}
# Refused as metadata: JSON texts that are not an object, or are larger than 16 kB.
BAD_METADATA = ["[]", "[1]", '"text"', "1", "true", "null", '{"k": "' + "x" * 16_376 + '"}']


@dataclass(frozen=True)
class Books:
    """Everything that moves when credits move, short enough to be written down in a test."""

    # What get_user_credits says can be spent.
    balance: int = 0
    # (transaction_type, credits, balance_after), the oldest first.
    ledger: list[tuple[str, int, int]] = field(default_factory=list)
    # (source, granted, remaining), the oldest first.
    lots: list[tuple[str, int, int]] = field(default_factory=list)


def books(conn: psycopg.Connection[Any], user: UUID) -> Books:
    """The user's books as they are now."""
    return Books(
        balance(conn, user),
        [(e.transaction_type, e.credits, e.balance_after) for e in entries(conn, user)],
        [(lot.source, lot.granted, lot.remaining) for lot in lots(conn, user)],
    )


def grant(conn: psycopg.Connection[Any], user: UUID, amount: Any, **named: Any) -> Any:
    """grant_user_credits; named arguments with their p_."""
    return call(conn, "grant_user_credits", user, amount, **named)


def deduct(conn: psycopg.Connection[Any], user: UUID, amount: Any, **named: Any) -> Any:
    """deduct_user_credits; named arguments with their p_."""
    return call(conn, "deduct_user_credits", user, amount, **named)


def refund(
    conn: psycopg.Connection[Any], user: UUID, charge: Any, amount: Any = None, **named: Any
) -> Any:
    """refund_user_credits of a deduction's result or id; named arguments with their p_."""
    return call(conn, "refund_user_credits", user, _id(charge), amount, **named)


def revoke(
    conn: psycopg.Connection[Any], user: UUID, granted: Any, amount: Any = None, **named: Any
) -> Any:
    """revoke_user_credits of a grant's result or id; named arguments with their p_."""
    return call(conn, "revoke_user_credits", user, _id(granted), amount, **named)


def _id(result: Any) -> UUID | None:
    transaction_id: UUID | None = getattr(result, "transaction_id", result)
    return transaction_id


def balance(conn: psycopg.Connection[Any], user: UUID) -> int:
    """What the user can spend."""
    only: int = call(conn, "get_user_credits", user).balance
    return only


def entries(conn: psycopg.Connection[Any], user: UUID) -> list[Any]:
    """The user's ledger rows, the oldest first."""
    query = "select * from credits.credit_transactions where user_id = %s order by seq"
    return conn.execute(query, (user,)).fetchall()


def last_entry(conn: psycopg.Connection[Any], user: UUID) -> Any:
    """The user's newest ledger row."""
    return entries(conn, user)[-1]


def entry(conn: psycopg.Connection[Any], user: UUID, result: Any) -> Any:
    """One ledger row of the user, from the call's result or its id."""
    (only,) = [e for e in entries(conn, user) if e.transaction_id == _id(result)]
    return only


def legs(row: Any) -> list[tuple[UUID, int]]:
    """Which lots a ledger row moved, in its order, and by how much."""
    return [(UUID(leg["lot_id"]), leg["credits"]) for leg in row.allocations]


def lots(conn: psycopg.Connection[Any], user: UUID) -> list[Any]:
    """The user's lots, the oldest first."""
    query = "select * from credits.credit_lots where user_id = %s order by created_at, lot_id"
    return conn.execute(query, (user,)).fetchall()


def lot_of(conn: psycopg.Connection[Any], user: UUID, result: Any) -> Any:
    """The one lot that a grant or a refund made, from the call's result or its id."""
    (only,) = [lot for lot in lots(conn, user) if lot.grant_transaction_id == _id(result)]
    return only


def user_row(conn: psycopg.Connection[Any], user: UUID) -> Any:
    """The user's row of user_credits; None where there is none."""
    return conn.execute("select * from credits.user_credits where user_id = %s", (user,)).fetchone()


def revocations(conn: psycopg.Connection[Any], user: UUID) -> list[Any]:
    """What was revoked of the user's grants, the oldest first."""
    query = "select * from credits.revocations where user_id = %s order by revocation_id"
    return conn.execute(query, (user,)).fetchall()


def total(conn: psycopg.Connection[Any], user: UUID, charge: Any) -> Any:
    """(charged, refunded, last_refund_id) of a deduction; None before its first refund."""
    query = (
        "select charged, refunded, last_refund_id from credits.refund_totals"
        " where user_id = %s and transaction_id = %s"
    )
    return conn.execute(query, (user, _id(charge))).fetchone()


def settle_for(conn: psycopg.Connection[Any], **settings: Any) -> None:
    """Change settings of this installation."""
    for name, setting in settings.items():
        conn.execute(f"update credits.settings set {name} = %s", (setting,))


@contextmanager
def no_trace(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """The block must leave every table as it was."""
    before = rows_as_text(conn)
    yield
    assert rows_as_text(conn) == before


@contextmanager
def refused_without_trace(
    conn: psycopg.Connection[Any], sqlstate: str, code: str | None = None, **figures: Any
) -> Iterator[Refusal]:
    """The block must be refused as `support.api.refused` says, and leave every table as it was."""
    with no_trace(conn), refused(sqlstate, code, **figures) as refusal:
        yield refusal


@contextmanager
def refused_argument(
    conn: psycopg.Connection[Any], argument: str, **figures: Any
) -> Iterator[Refusal]:
    """The block must be refused with PT422 for this argument, and leave every table as it was."""
    with refused_without_trace(
        conn, "PT422", "invalid_argument", argument=argument, **figures
    ) as refusal:
        yield refusal


def each_refused(
    conn: psycopg.Connection[Any],
    argument: str,
    values: Iterable[Any],
    attempt: Callable[[Any], Any],
) -> None:
    """A call with any of these values must be refused for this argument, and leave no trace."""
    for value in values:
        try:
            with refused_argument(conn, argument):
                attempt(value)
        except AssertionError as error:
            raise AssertionError(f"{argument} = {value!r}: {error}") from error
