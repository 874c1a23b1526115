"""A database as version 0.1.0 left it: its own installation script, and a bit of everything.

The two SQL files beside this one were made by 0.1.0's own code and are never edited. Everything
else is made here, by 0.1.0's functions, with the arguments' names that its callers use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from support.api import call, rows, value
from support.attempts import refunds_broken

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database

INSTALLATION = Path(__file__).with_name("pgcredits-0.1.0.sql")
ADOPTION = Path(__file__).with_name("adopted-0.1.0.sql")

MIGRATIONS = (
    "0001-roles-and-schemas",
    "0002-types",
    "0003-configuration",
    "0004-ledger",
    "0005-generations",
    "0006-alerts",
    "0007-alert-rules",
    "0008-adoption",
)

# A user of the adopted system who is owed 20 credits for two tasks, and one who is owed nothing.
OWED_BY_ADOPTION = UUID(int=2)
ADOPTED = UUID(int=1)

# Users that `fill` makes, so that tests find them again.
BUYER, IN_FLIGHT, OWED, REVOKED, FROZEN, SUBSCRIBER = (UUID(int=0xB0 + n) for n in range(6))
PENDING, PROCESSING, UNPAID = (UUID(int=0xC0 + n) for n in range(3))


@dataclass(frozen=True)
class Step:
    """One call of 0.1.0's API, and the columns of its answer that no upgrade may change."""

    function: str
    arguments: dict[str, Any]
    answer: dict[str, Any]


def install(database: Database) -> None:
    """Version 0.1.0, and a system that it adopted."""
    with database.connect() as conn:
        conn.execute(INSTALLATION.read_bytes())
    # In a session of its own: the script of an installation leaves settings behind.
    with database.connect() as conn:
        conn.execute(ADOPTION.read_bytes())


def fill(conn: psycopg.Connection[Any]) -> None:
    """Users in every state that an upgrade may find them in."""
    for step in steps(BUYER):
        play(conn, step)

    grant(conn, IN_FLIGHT, 100)
    start(conn, IN_FLIGHT, PENDING, 20)
    start(conn, IN_FLIGHT, PROCESSING, 30)
    call(
        conn,
        "attach_provider_task",
        p_user_id=IN_FLIGHT,
        p_generation_id=PROCESSING,
        p_provider_task_id="task in flight",
    )
    # A callback that is earlier than its task.
    callback(conn, "task to come", "500")

    grant(conn, OWED, 50)
    start(conn, OWED, UNPAID, 15)
    with refunds_broken(conn, OWED):
        call(conn, "fail_generation", p_user_id=OWED, p_generation_id=UNPAID)

    granted = grant(conn, REVOKED, 100)
    call(conn, "deduct_user_credits", p_user_id=REVOKED, p_credits=60, p_idempotency_key="spent")
    call(
        conn,
        "revoke_user_credits",
        p_user_id=REVOKED,
        p_transaction_id=granted.transaction_id,
        p_idempotency_key="dispute",
    )

    grant(conn, FROZEN, 10)
    call(conn, "freeze_user_credits", p_user_id=FROZEN, p_reason="stolen card")

    call(conn, "set_user_plan", p_user_id=SUBSCRIBER, p_plan="plus")
    rows(conn, "apply_monthly_allowances", p_limit=1000)
    value(
        conn,
        "raise_alert",
        p_type="disk_full",
        p_message="the disk of images is full",
        p_dedup_key="images",
        p_level="critical",
    )
    rows(conn, "check_ledger", p_limit=1000)
    rows(conn, "check_alerts")


def grant(conn: psycopg.Connection[Any], user: UUID, amount: int) -> Any:
    return call(
        conn,
        "grant_user_credits",
        p_user_id=user,
        p_credits=amount,
        p_source="purchase",
        p_idempotency_key=f"payment of {user}",
    )


def start(conn: psycopg.Connection[Any], user: UUID, generation: UUID, price: int) -> Any:
    return call(
        conn,
        "start_generation",
        p_user_id=user,
        p_provider="nanobanana",
        p_generation_type="image",
        p_credits=price,
        p_generation_id=generation,
        p_timeout=timedelta(days=2),
    )


def callback(conn: psycopg.Connection[Any], task: str, code: str) -> Any:
    return call(
        conn,
        "handle_provider_callback",
        p_provider="nanobanana",
        p_provider_task_id=task,
        p_code=code,
        p_message="as the provider says",
    )


def play(conn: psycopg.Connection[Any], step: Step) -> None:
    """Make the call, and demand its answer."""
    answer = call(conn, step.function, **step.arguments)._asdict()
    assert {name: answer[name] for name in step.answer} == step.answer, step.function


def steps(user: UUID) -> list[Step]:
    """One user's life through the functions of `credits_app`, every argument named as in 0.1.0."""
    image, video, print_ = (UUID(int=user.int + (n << 64)) for n in (1, 2, 3))
    soon = datetime.now(UTC) + timedelta(days=300)
    mine: dict[str, Any] = {"p_user_id": user}
    return [
        Step(
            "grant_user_credits",
            {
                **mine,
                "p_credits": 100,
                "p_source": "purchase",
                "p_expires_at": soon,
                "p_priority": 50,
                "p_unit_price_usd": Decimal("0.05"),
                "p_reason": "pack of 100",
                "p_idempotency_key": f"payment of {user}",
                "p_metadata": {"invoice": 17},
            },
            {"credits": 100, "balance": 100, "replayed": False},
        ),
        Step(
            "deduct_user_credits",
            {
                **mine,
                "p_credits": 10,
                "p_reason": "export",
                "p_idempotency_key": "export 1",
                "p_cost_usd": Decimal("0.01"),
                "p_metadata": {"pages": 3},
            },
            {"credits": -10, "balance": 90, "replayed": False},
        ),
        Step(
            "deduct_user_credits",
            {**mine, "p_credits": 10, "p_idempotency_key": "export 1"},
            {"credits": -10, "balance": 90, "replayed": True},
        ),
        Step(
            "start_generation",
            {
                **mine,
                "p_provider": "nanobanana",
                "p_generation_type": "image",
                "p_credits": 12,
                "p_generation_id": image,
                "p_quoted_cost_usd": Decimal("0.02"),
                "p_timeout": timedelta(hours=2),
                "p_retry_of": None,
                "p_metadata": {"style": "oil"},
            },
            {"status": "pending", "credits_charged": 12, "balance": 78, "replayed": False},
        ),
        Step(
            "attach_provider_task",
            {**mine, "p_generation_id": image, "p_provider_task_id": f"task {image}"},
            {"status": "processing", "applied": True},
        ),
        Step(
            "handle_provider_callback",
            {
                "p_provider": "nanobanana",
                "p_provider_task_id": f"task {image}",
                "p_code": "500",
                "p_message": "internal error",
                "p_cost_usd": Decimal("0.02"),
                "p_payload": {"code": 500},
            },
            {"status": "failed", "refunded": True, "credits_refunded": 12, "balance": 90},
        ),
        Step(
            "start_generation",
            {
                **mine,
                "p_provider": "kling",
                "p_generation_type": "video",
                "p_credits": 20,
                "p_generation_id": video,
                "p_retry_of": image,
            },
            {"status": "pending", "balance": 70},
        ),
        Step(
            "complete_generation",
            {
                **mine,
                "p_generation_id": video,
                "p_final_credits": 15,
                "p_cost_usd": Decimal("0.08"),
                "p_metadata": {"seconds": 4},
            },
            {"status": "succeeded", "credits_refunded": 5, "balance": 75},
        ),
        Step(
            "start_generation",
            {
                **mine,
                "p_provider": "kling",
                "p_generation_type": "print",
                "p_credits": 5,
                "p_generation_id": print_,
            },
            {"status": "pending", "balance": 70},
        ),
        Step(
            "cancel_generation",
            {**mine, "p_generation_id": print_, "p_reason": "changed my mind"},
            {"status": "cancelled", "credits_refunded": 5, "balance": 75},
        ),
        Step(
            "fail_generation",
            {
                **mine,
                "p_generation_id": print_,
                "p_error_type": "timeout",
                "p_error_message": "too late",
                "p_error_code": "408",
                "p_provider_billed": False,
                "p_cost_usd": 0,
            },
            {"status": "cancelled", "balance": 75},
        ),
        Step("get_generation", {**mine, "p_generation_id": video}, {"status": "succeeded"}),
        Step(
            "set_low_balance_threshold",
            {**mine, "p_credits": 80},
            {"balance": 75, "low_balance_threshold": 80, "frozen": False},
        ),
        Step("get_user_credits", mine, {"balance": 75, "expiring_credits": 75, "plan": None}),
    ]
