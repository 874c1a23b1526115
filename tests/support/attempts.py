"""Paid attempts at a provider, looks at what became of them, and refunds that cannot be paid."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from support.api import call, new_user
from support.books import entries, grant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import psycopg

PROVIDER = "nanobanana"
TYPE = "image"


@dataclass(frozen=True)
class Attempt:
    """A generation that somebody was charged for."""

    user: UUID
    generation: UUID
    # The deduction that paid.
    charge: UUID


def start(
    conn: psycopg.Connection[Any],
    price: int = 10,
    *,
    user: UUID | None = None,
    granted: int = 100,
    task: str | None = None,
    **named: Any,
) -> Attempt:
    """Charge for a generation.

    Args:
        conn: Any connection.
        price: What it costs.
        user: Who pays; None = a new user who is granted `granted` before.
        granted: What a new user has.
        task: Attach the provider's task, too.
        named: More of start_generation's arguments, with their p_.
    """
    if user is None:
        user = new_user()
        grant(conn, user, granted)
    started = call(conn, "start_generation", user, PROVIDER, TYPE, price, **named)
    assert (started.status, started.applied) == ("pending", True)
    attempt = Attempt(
        user,
        started.generation_id,
        row(conn, "generations", user, started.generation_id).charge_transaction_id,
    )
    if task is not None:
        assert attach(conn, attempt, task).applied
    return attempt


def attach(conn: psycopg.Connection[Any], attempt: Attempt, task: str | None) -> Any:
    return call(conn, "attach_provider_task", attempt.user, attempt.generation, task)


def complete(conn: psycopg.Connection[Any], attempt: Attempt, *args: Any, **named: Any) -> Any:
    return call(conn, "complete_generation", attempt.user, attempt.generation, *args, **named)


def fail(conn: psycopg.Connection[Any], attempt: Attempt, *args: Any, **named: Any) -> Any:
    return call(conn, "fail_generation", attempt.user, attempt.generation, *args, **named)


def cancel(conn: psycopg.Connection[Any], attempt: Attempt, *args: Any) -> Any:
    return call(conn, "cancel_generation", attempt.user, attempt.generation, *args)


def refund(conn: psycopg.Connection[Any], attempt: Attempt, *args: Any, **named: Any) -> Any:
    """refund_user_credits of its charge: a refund by hand."""
    return call(conn, "refund_user_credits", attempt.user, attempt.charge, *args, **named)


def callback(conn: psycopg.Connection[Any], task: str, code: str | None, **named: Any) -> Any:
    return call(conn, "handle_provider_callback", PROVIDER, task, code, **named)


def state(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    """What get_generation says."""
    return call(conn, "get_generation", attempt.user, attempt.generation)


def row(conn: psycopg.Connection[Any], table: str, user: UUID, generation: UUID) -> Any:
    """The one row of a table about one generation."""
    query = sql.SQL("select * from {} where user_id = %s and generation_id = %s")
    return conn.execute(
        query.format(sql.Identifier("credits", table)), (user, generation)
    ).fetchone()


def generation(conn: psycopg.Connection[Any], attempt: Attempt) -> Any:
    """Its row of generations."""
    return row(conn, "generations", attempt.user, attempt.generation)


def events(conn: psycopg.Connection[Any], attempt: Attempt) -> list[Any]:
    """Its events, the oldest first."""
    return conn.execute(
        "select * from credits.generation_events where user_id = %s and generation_id = %s"
        " order by event_no",
        (attempt.user, attempt.generation),
    ).fetchall()


def story(conn: psycopg.Connection[Any], attempt: Attempt) -> list[tuple[str, bool]]:
    """(event, applied) of each, the oldest first."""
    return [(event.event, event.applied) for event in events(conn, attempt)]


def refunds(conn: psycopg.Connection[Any], attempt: Attempt) -> list[int]:
    """Credits of each refund of its charge in the ledger, the oldest first."""
    return [e.credits for e in entries(conn, attempt.user) if e.refund_of == attempt.charge]


def net(conn: psycopg.Connection[Any], attempt: Attempt) -> int:
    """What its user has paid for it by the ledger, all in all."""
    moved: list[int] = [
        e.credits
        for e in entries(conn, attempt.user)
        if attempt.charge in (e.transaction_id, e.refund_of)
    ]
    return -sum(moved)


def alerts(conn: psycopg.Connection[Any], user: UUID, kind: str | None = None) -> list[Any]:
    """The user's alerts, open and resolved, the oldest first."""
    return conn.execute(
        "select * from credits.system_alerts where user_id = %s and type = coalesce(%s, type)"
        " order by alert_id",
        (user, kind),
    ).fetchall()


def open_alerts(conn: psycopg.Connection[Any], user: UUID) -> list[str]:
    """The types of the user's open alerts."""
    return sorted(alert.type for alert in alerts(conn, user) if alert.resolved_at is None)


def listed(conn: psycopg.Connection[Any]) -> list[Any]:
    """What users_needing_refunds shows."""
    return conn.execute(
        "select * from credits_monitoring.users_needing_refunds order by finished_at, generation_id"
    ).fetchall()


def set_policy(conn: psycopg.Connection[Any], error_type: str, percent: Any) -> None:
    """From now on this percentage of the price comes back after failures of this type."""
    conn.execute(
        "insert into credits.refund_policies values (%s, %s, 'provider', 'as a test wants it')"
        " on conflict (error_type) do update set refund_percent = excluded.refund_percent",
        (error_type, percent),
    )


def break_refunds(conn: psycopg.Connection[Any], user: UUID | None = None) -> None:
    """No refund can be paid any more: to this user, or to anybody."""
    condition = sql.SQL("false") if user is None else sql.SQL("user_id <> {}").format(str(user))
    conn.execute(
        sql.SQL(
            "alter table credits.refund_totals"
            " add constraint refund_totals_broken_on_purpose check ({}) not valid"
        ).format(condition)
    )


def mend_refunds(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "alter table credits.refund_totals drop constraint refund_totals_broken_on_purpose"
    )


@contextmanager
def refunds_broken(conn: psycopg.Connection[Any], user: UUID | None = None) -> Iterator[None]:
    """Within the block no refund can be paid: to this user, or to anybody."""
    break_refunds(conn, user)
    try:
        yield
    finally:
        mend_refunds(conn)


def break_generations(conn: psycopg.Connection[Any], user: UUID) -> None:
    """Nothing can be noted of this user's generations any more."""
    conn.execute(
        sql.SQL(
            "alter table credits.generations"
            " add constraint generations_broken_on_purpose check (user_id <> {}) not valid"
        ).format(str(user))
    )


def mend_generations(conn: psycopg.Connection[Any]) -> None:
    conn.execute("alter table credits.generations drop constraint generations_broken_on_purpose")


def raise_in_refunds(
    conn: psycopg.Connection[Any], sqlstate: str, user: UUID | None = None
) -> None:
    """Every refund (of this user) raises this SQLSTATE."""
    conn.execute(
        sql.SQL(
            "create function public.raise_in_refund() returns trigger language plpgsql"
            " as $$ begin raise exception using errcode = {}, message = 'of two'; end $$"
        ).format(sql.Literal(sqlstate))
    )
    condition = sql.SQL("true") if user is None else sql.SQL("new.user_id = {}").format(str(user))
    conn.execute(
        sql.SQL(
            "create trigger raise_in_refund before insert on credits.refund_totals"
            " for each row when ({}) execute function public.raise_in_refund()"
        ).format(condition)
    )
