"""What verify_ledger finds wrong with generations, their charges, refunds, events and tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from objects.integrity.pieces import kinds_in_pieces
from objects.integrity.tampering import VERIFICATION
from support.api import new_user, rows
from support.attempts import (
    Attempt,
    callback,
    cancel,
    complete,
    fail,
    refund,
    refunds_broken,
    set_policy,
    start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import psycopg

    from support.databases import Template

# One generation of each kind, all of one user, by the names that tampering statements use.
ATTEMPTS = (
    "pending",
    "processing",
    "succeeded",
    "cheaper",
    "failed",
    "cancelled",
    "cancelled_and_failed",
    "timed_out",
    "owed",
    "partly_owed",
    "reviewed",
)


def live(conn: psycopg.Connection[Any]) -> dict[str, Attempt]:
    """All that can become of a generation, for 10 credits each."""
    user = new_user()
    rows(conn, "grant_user_credits", user, 1000)
    of = {name: start(conn, user=user) for name in ("pending", "failed", "cancelled")}
    for name in ATTEMPTS:
        if name not in of:
            of[name] = start(conn, user=user, task=f"{name} of {user}")
    complete(conn, of["succeeded"])
    complete(conn, of["cheaper"])
    complete(conn, of["cheaper"], 4)
    fail(conn, of["failed"])
    fail(conn, of["failed"])
    cancel(conn, of["cancelled"])
    cancel(conn, of["cancelled_and_failed"])
    callback(conn, f"cancelled_and_failed of {user}", "500")
    callback(conn, f"cancelled_and_failed of {user}", "200")
    conn.execute(
        "update credits.generations set deadline_at = now() where generation_id = %s",
        (of["timed_out"].generation,),
    )
    assert len(rows(conn, "sweep_stuck_generations")) == 1
    with refunds_broken(conn):
        for name in ("owed", "partly_owed", "reviewed"):
            fail(conn, of[name])
    refund(conn, of["partly_owed"], 3)
    conn.execute(
        "update credits.generations set owed_review = true where generation_id = %s",
        (of["reviewed"].generation,),
    )
    return of


@dataclass(frozen=True)
class Victim:
    """A user among others in a healthy ledger; what is done to it is rolled back."""

    conn: psycopg.Connection[Any]
    user: UUID
    of: dict[str, Attempt]


@pytest.fixture(scope="module")
def bystanders_and_victim(template: Template) -> Iterator[Victim]:
    with template.clone() as database:
        conn = database.connect()
        live(conn)
        of = live(conn)
        live(conn)
        yield Victim(conn, of["pending"].user, of)


@pytest.fixture
def victim(bystanders_and_victim: Victim) -> Iterator[Victim]:
    with bystanders_and_victim.conn.transaction(force_rollback=True):
        yield bystanders_and_victim


def tamper(victim: Victim, statement: str) -> None:
    """Run a statement as the owner can: with the triggers disabled. It must change something.

    %(name)s in it stands for the generation of that name, %(name_charge)s for what paid for it.
    """
    for table in ("credit_transactions", "generation_events"):
        victim.conn.execute(f"alter table credits.{table} disable trigger all")
    ids: dict[str, Any] = {"user": victim.user, "stranger": new_user()}
    for name, attempt in victim.of.items():
        ids |= {name: attempt.generation, f"{name}_charge": attempt.charge}
    assert victim.conn.execute(statement, ids).rowcount > 0


def _generation(name: str, change: str) -> str:
    return f"update credits.generations set {change} where generation_id = %({name})s"


def _ledger(name: str, change: str) -> str:
    return (
        f"update credits.credit_transactions set {change}"
        f" where user_id = %(user)s and transaction_id = %({name}_charge)s"
    )


# What is done to a healthy ledger, and all that verify_ledger finds wrong then, by generation.
TAMPERINGS: dict[str, tuple[str, dict[str, set[str]]]] = {
    "a generation is gone": (
        "delete from credits.generations where generation_id = %(failed)s",
        {"failed": {"generation_missing"}},
    ),
    "a generation has another owner": (
        _generation("failed", "user_id = %(stranger)s"),
        {
            "failed": {
                "generation_missing",
                "generation_charges",
                "generation_charge",
                "generation_settled",
                "generation_events",
                "refund_owed",
            }
        },
    ),
    "a generation appears that nobody paid for": (
        "insert into credits.generations"
        " select (json_populate_record(g, json_build_object('generation_id', %(stranger)s::uuid,"
        " 'provider_task_id', null, 'refund_due_credits', 0, 'last_event_no', 0,"
        " 'status', 'pending', 'finished_at', null))).*"
        " from credits.generations as g where g.generation_id = %(succeeded)s",
        {"stranger": {"generation_charges", "generation_charge"}},
    ),
    "a charge is for no generation": (
        _ledger("succeeded", "generation_id = null"),
        {"succeeded": {"generation_charges", "generation_charge"}, "": {"entry_hash"}},
    ),
    "a generation is charged twice": (
        _ledger("succeeded", "generation_id = %(processing)s"),
        {
            "processing": {"generation_charges", "generation_charge", "entry_hash"},
            "succeeded": {"generation_charges", "generation_charge"},
        },
    ),
    "two generations change charges": (
        "update credits.generations as g set charge_transaction_id = case g.generation_id"
        " when %(processing)s then %(succeeded_charge)s::uuid else %(processing_charge)s::uuid end"
        " where g.generation_id in (%(processing)s, %(succeeded)s)",
        {"processing": {"generation_charge"}, "succeeded": {"generation_charge"}},
    ),
    "the price is another": (
        _generation("succeeded", "credits_charged = 11"),
        {"succeeded": {"generation_charge"}},
    ),
    "a success is called a failure": (
        _generation("succeeded", "status = 'failed'"),
        {"succeeded": {"generation_settled"}},
    ),
    "a failure is called a success": (
        _generation("failed", "status = 'succeeded'"),
        {"failed": {"generation_settled"}},
    ),
    "a time-out is called a cancellation": (
        _generation("timed_out", "status = 'cancelled'"),
        {"timed_out": {"generation_settled"}},
    ),
    "what was cancelled and failed is called failed": (
        _generation("cancelled_and_failed", "status = 'failed'"),
        {"cancelled_and_failed": {"generation_settled"}},
    ),
    "one in flight is called finished": (
        _generation("processing", "status = 'succeeded', finished_at = now()"),
        {"processing": {"generation_settled"}},
    ),
    "a finished one is called in flight": (
        _generation("succeeded", "status = 'processing', finished_at = null"),
        {"succeeded": {"generation_settled"}},
    ),
    "a refunded one is called in flight": (
        _generation("failed", "status = 'processing', finished_at = null, refund_due_credits = 0"),
        {"failed": {"generation_settled", "generation_due"}},
    ),
    "something is due while it is in flight": (
        _generation("pending", "refund_due_credits = 1, refund_owed_since = null"),
        {"pending": {"generation_due", "refund_owed"}},
    ),
    "what is owed is forgotten": (
        _generation("owed", "refund_owed_since = null"),
        {"owed": {"refund_owed"}},
    ),
    "what is partly owed is forgotten": (
        _generation("partly_owed", "refund_owed_since = null"),
        {"partly_owed": {"refund_owed"}},
    ),
    "what is owed and under review is forgotten": (
        _generation("reviewed", "refund_owed_since = null"),
        {"reviewed": {"refund_owed"}},
    ),
    "more is due than came back": (
        _generation("cheaper", "refund_due_credits = 7"),
        {"cheaper": {"refund_owed"}},
    ),
    "what was paid is called owed": (
        _generation("failed", "refund_owed_since = now()"),
        {"failed": {"refund_owed"}},
    ),
    "what is owed is not due": (
        _generation("owed", "refund_due_credits = 0"),
        {"owed": {"refund_owed"}},
    ),
    "an event in the middle is gone": (
        "delete from credits.generation_events"
        " where generation_id = %(processing)s and event_no = 1",
        {"processing": {"generation_events"}},
    ),
    "the last event is gone": (
        "delete from credits.generation_events"
        " where generation_id = %(processing)s and event_no = 2",
        {"processing": {"generation_events"}},
    ),
    "the event that settled it is gone": (
        "delete from credits.generation_events"
        " where generation_id = %(succeeded)s and event = 'success'",
        {"succeeded": {"generation_events", "generation_settled"}},
    ),
    "all its events are gone": (
        "delete from credits.generation_events where generation_id = %(succeeded)s",
        {"succeeded": {"generation_events", "generation_settled"}},
    ),
    "an event is numbered otherwise": (
        "update credits.generation_events set event_no = 9"
        " where generation_id = %(processing)s and event_no = 2",
        {"processing": {"generation_events"}},
    ),
    "an event is counted that there is not": (
        _generation("processing", "last_event_no = last_event_no + 1"),
        {"processing": {"generation_events"}},
    ),
    "an event says that it settled nothing": (
        "update credits.generation_events set applied = false"
        " where generation_id = %(failed)s and event = 'failure'",
        {"failed": {"generation_settled"}},
    ),
    "an event is another": (
        "update credits.generation_events set event = 'cancel'"
        " where generation_id = %(failed)s and event = 'failure'",
        {"failed": {"generation_settled"}},
    ),
    "its task is not known": (
        "delete from credits.provider_tasks where generation_id = %(processing)s",
        {"processing": {"generation_task"}},
    ),
    "its task leads to another": (
        "update credits.provider_tasks set generation_id = %(pending)s"
        " where generation_id = %(processing)s",
        {"processing": {"generation_task"}},
    ),
    "its task leads to another user": (
        "update credits.provider_tasks set user_id = %(stranger)s"
        " where generation_id = %(processing)s",
        {"processing": {"generation_task"}},
    ),
    "its task is another": (
        _generation("processing", "provider_task_id = 'another'"),
        {"processing": {"generation_task"}},
    ),
    "its provider is another": (
        _generation("processing", "provider = 'seedream'"),
        {"processing": {"generation_task"}},
    ),
}


def test_all_that_can_become_of_a_generation_is_healthy(victim: Victim) -> None:
    assert rows(victim.conn, "verify_ledger") == []
    for user in (victim.user, new_user()):
        assert rows(victim.conn, "verify_ledger", user) == []


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_reported_of_the_right_generation(victim: Victim, what: str) -> None:
    statement, expected = TAMPERINGS[what]

    tamper(victim, statement)

    violations = rows(victim.conn, "verify_ledger")
    names = {attempt.generation: name for name, attempt in victim.of.items()}
    found: dict[str, set[str]] = {}
    for violation in violations:
        name = (
            ""
            if violation.generation_id is None
            else names.get(violation.generation_id, "stranger")
        )
        found.setdefault(name, set()).add(violation.kind)
    assert found == expected
    assert all(violation.expected != violation.actual for violation in violations)
    assert all(violation.detail for violation in violations)
    if "owner" not in what:
        assert {violation.user_id for violation in violations} == {victim.user}
        assert rows(victim.conn, "verify_ledger", victim.user) == violations
        # In pieces, as check_ledger proves a ledger, the same is found, and at least the same.
        kinds = {violation.kind for violation in violations}
        assert kinds_in_pieces(victim.conn, victim.user, 100) == kinds
        assert kinds_in_pieces(victim.conn, victim.user, 3) >= kinds


def test_a_violation_says_what_was_expected_and_what_is_there(victim: Victim) -> None:
    tamper(victim, _generation("succeeded", "status = 'failed'"))

    (violation,) = rows(victim.conn, "verify_ledger")

    attempt = victim.of["succeeded"]
    assert violation.generation_id == attempt.generation
    assert violation.transaction_id == attempt.charge
    assert (violation.expected, violation.actual) == ("succeeded", "failed")


def test_every_kind_of_violation_is_provoked_here() -> None:
    source = (VERIFICATION / "verify_generations.sql").read_text(encoding="utf-8")
    kinds = set(re.findall(r"\(\n\s+'(\w+)',\n", source))
    provoked = {
        kind for _, found in TAMPERINGS.values() for names in found.values() for kind in names
    }

    assert provoked - {"entry_hash"} == kinds
    assert len(kinds) >= 8


def test_check_ledger_finds_them_too(victim: Victim) -> None:
    tamper(victim, _generation("owed", "refund_owed_since = null"))

    assert {row.kind for row in rows(victim.conn, "check_ledger")} == {"refund_owed"}


def test_a_changed_policy_is_no_violation(victim: Victim) -> None:
    """What was due was fixed when it finished."""
    for error_type in ("unknown", "timeout", "user_cancelled", "internal_error", "*"):
        set_policy(victim.conn, error_type, 1)

    assert rows(victim.conn, "verify_ledger") == []


def test_a_refund_out_of_goodwill_is_no_violation(victim: Victim) -> None:
    refund(victim.conn, victim.of["succeeded"])
    refund(victim.conn, victim.of["cheaper"])

    assert rows(victim.conn, "verify_ledger") == []
