"""An alert that somebody holds locked keeps nobody waiting, and nothing that is said of it is lost.

Somebody at psql has called acknowledge_alert or resolve_alert, or has edited the row, and has not
committed. Whoever moves credits goes on, and the next check_alerts writes what they had to say.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from support.api import call, new_user, rows, value
from support.attempts import (
    alerts,
    attach,
    break_refunds,
    callback,
    cancel,
    complete,
    fail,
    mend_refunds,
    refunds,
    start,
)
from support.books import NOON, balance, deduct, grant, refund
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from support.databases import Database

Conn = psycopg.Connection[Any]
DAY = timedelta(days=1)
THRESHOLD = 50


@dataclass(frozen=True)
class Case:
    """Somebody's alert, and a call that has something to say of it.

    Attributes:
        user: Whose alert it is.
        type: Its type.
        key: Its dedup_key.
        act: The call.
        resolves: Whether the call says that the cause is gone; else that it came again.
        done: Whether the call has done all that it is for.
    """

    user: UUID
    type: str
    key: str
    act: Callable[[Conn], Any]
    resolves: bool
    done: Callable[[Conn], bool]


def low(conn: Conn, granted: int) -> UUID:
    """A user who is warned below THRESHOLD."""
    user = new_user()
    call(conn, "set_low_balance_threshold", user, THRESHOLD)
    grant(conn, user, granted)
    return user


def falls(user: UUID, act: Callable[[Conn], Any], to: int) -> Case:
    """The call takes the balance below the threshold."""
    return Case(user, "low_balance", "", act, False, lambda conn: balance(conn, user) == to)


def rises(user: UUID, act: Callable[[Conn], Any], to: int) -> Case:
    """The call brings the balance above the threshold."""
    return Case(user, "low_balance", "", act, True, lambda conn: balance(conn, user) == to)


def deduction(conn: Conn) -> Case:
    user = low(conn, 60)
    return falls(user, lambda own: deduct(own, user, 20), 40)


def start_of_a_generation(conn: Conn) -> Case:
    user = low(conn, 60)
    return falls(user, lambda own: start(own, 20, user=user), 40)


def revocation(conn: Conn) -> Case:
    user = low(conn, 20)
    given = grant(conn, user, 40)
    take = lambda own: call(own, "revoke_user_credits", user, given.transaction_id)  # noqa: E731
    return falls(user, take, 20)


def expiry(conn: Conn) -> Case:
    user = low(conn, 20)
    grant(conn, user, 40, p_expires_at=NOON + DAY)
    advance(conn, DAY)
    return falls(user, lambda own: rows(own, "expire_user_credits"), 20)


def paid_for(conn: Conn, user: UUID) -> Any:
    return grant(conn, user, 40, p_source="purchase", p_idempotency_key="k")


def purchase(conn: Conn) -> Case:
    user = low(conn, 20)
    return rises(user, lambda own: paid_for(own, user), 60)


def refund_by_hand(conn: Conn) -> Case:
    user = low(conn, 60)
    taken = deduct(conn, user, 20)
    return rises(user, lambda own: refund(own, user, taken.transaction_id), 60)


def allowance(conn: Conn) -> Case:
    user = low(conn, 20)
    call(conn, "set_user_plan", user, "plus")
    return rises(user, lambda own: rows(own, "apply_allowances"), 70)


def threshold(conn: Conn) -> Case:
    user = low(conn, 20)
    return rises(user, lambda own: call(own, "set_low_balance_threshold", user, 10), 20)


def refunded_failure(conn: Conn) -> Case:
    attempt = start(conn, 20, user=low(conn, 60))
    return rises(attempt.user, lambda own: fail(own, attempt), 60)


def unpaid(conn: Conn, act: Callable[[Any], Callable[[Conn], Any]], **named: Any) -> Case:
    """The call settles a generation, whose refund raises."""
    attempt = start(conn, task="t-1", **named)
    break_refunds(conn)

    def is_listed(own: Conn) -> bool:
        listed = own.execute("select credits_owed from credits_monitoring.users_needing_refunds")
        return listed.fetchall() == [(10,)]

    return Case(
        attempt.user, "refund_failed", str(attempt.generation), act(attempt), False, is_listed
    )


def failure(conn: Conn) -> Case:
    return unpaid(conn, lambda attempt: lambda own: fail(own, attempt))


def cancellation(conn: Conn) -> Case:
    conn.execute("update credits.refund_policies set refund_percent = 100")
    return unpaid(conn, lambda attempt: lambda own: cancel(own, attempt))


def callback_of_a_failure(conn: Conn) -> Case:
    return unpaid(conn, lambda _: lambda own: callback(own, "t-1", "500"))


def sweep(conn: Conn) -> Case:
    case = unpaid(conn, lambda _: lambda own: rows(own, "sweep_stuck_generations"))
    advance(conn, DAY)
    return case


def paid(conn: Conn, act: Callable[[Conn], Any]) -> Case:
    """The call pays a refund that is owed."""
    attempt = start(conn)
    break_refunds(conn)
    fail(conn, attempt)
    mend_refunds(conn)
    return Case(
        attempt.user,
        "refund_failed",
        str(attempt.generation),
        act,
        True,
        lambda own: refunds(own, attempt) == [10],
    )


def retried_refund(conn: Conn) -> Case:
    return paid(conn, lambda own: rows(own, "retry_failed_refunds"))


def settled_refund(conn: Conn) -> Case:
    return paid(conn, lambda own: rows(own, "settle_owed_refunds", False))


def dear_success(conn: Conn) -> Case:
    attempt = start(conn)
    return Case(
        attempt.user,
        "price_above_charge",
        str(attempt.generation),
        lambda own: complete(own, attempt, 11),
        False,
        lambda own: call(own, "get_generation", *ids(attempt)).status == "succeeded",
    )


def unknown_code(conn: Conn) -> Case:
    attempt = start(conn, task="t-1")
    return Case(
        attempt.user,
        "callback_unclassified",
        str(attempt.generation),
        lambda own: callback(own, "t-1", "teapot"),
        False,
        lambda own: call(own, "get_generation", *ids(attempt)).status == "processing",
    )


def attachment(conn: Conn) -> Case:
    attempt = start(conn)
    callback(conn, "t-1", "teapot")
    return Case(
        attempt.user,
        "callback_unclassified",
        str(attempt.generation),
        lambda own: attach(own, attempt, "t-1"),
        False,
        lambda own: call(own, "get_generation", *ids(attempt)).status == "processing",
    )


def ids(attempt: Any) -> tuple[UUID, UUID]:
    return attempt.user, attempt.generation


CASES = [
    deduction,
    start_of_a_generation,
    revocation,
    expiry,
    purchase,
    refund_by_hand,
    allowance,
    threshold,
    refunded_failure,
    failure,
    cancellation,
    callback_of_a_failure,
    sweep,
    retried_refund,
    settled_refund,
    dear_success,
    unknown_code,
    attachment,
]
HOLDS = {
    "acknowledged": "select from credits.acknowledge_alert(%s, %s, 'Ada')",
    "resolved": "select from credits.resolve_alert(%s, %s, 'Ada')",
    "edited": (
        "update credits.system_alerts set message = 'mine' where user_id = %s and alert_id = %s"
    ),
}


@pytest.fixture(autouse=True)
def _at_noon(conn: Conn) -> None:
    set_clock(conn, NOON)
    # What has to wait for nobody fails here if it does.
    conn.execute("set lock_timeout = '10s'")


@contextmanager
def held(database: Database, user: UUID, alert_id: UUID, by: str = "edited") -> Iterator[Session]:
    """Within the block somebody holds the alert; then they commit."""
    with Session(database) as holder:
        holder.run("begin")
        holder.run(HOLDS[by], (user, alert_id))
        yield holder
        holder.run("commit")


def raised(conn: Conn, case: Case) -> UUID:
    """The alert, as somebody has raised it."""
    value(conn, "raise_alert", case.type, "raised", case.user, case.key)
    return open_one(conn, case).alert_id  # type: ignore[no-any-return]


def open_one(conn: Conn, case: Case) -> Any:
    """The alert that is open; None = there is none."""
    found = [a for a in alerts(conn, case.user, case.type) if a.resolved_at is None]
    assert len(found) <= 1
    return found[0] if found else None


def waiting(conn: Conn) -> int:
    (row,) = conn.execute("select count(*)::integer from credits.waiting_alerts").fetchall()
    return row[0]  # type: ignore[no-any-return]


def goes_on(database: Database, act: Callable[[Conn], Any]) -> Any:
    """What a call returns that waits for nobody."""
    with Session(database) as own:
        own.start_work(act)
        assert not own.is_blocked()
        return own.result()


def hardly_waits(database: Database, act: Callable[[Conn], Any]) -> Any:
    """What a call returns that waits for a moment at most, and for ever is an error."""
    with Session(database, options="-c lock_timeout=10s") as own:
        own.start_work(act)
        return own.result()


@pytest.mark.parametrize("by", HOLDS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_nobody_waits_for_an_alert_that_somebody_holds_and_nothing_is_lost(
    conn: Conn, database: Database, case: Callable[[Conn], Case], by: str
) -> None:
    # Nobody runs maintenance here.
    conn.execute("update credits.alert_rules set enabled = false where type = 'maintenance_behind'")
    one = case(conn)
    alert_id = raised(conn, one)
    before = open_one(conn, one).occurrences

    with held(database, one.user, alert_id, by):
        goes_on(database, one.act)

        assert one.done(conn)
        assert waiting(conn) == 1
        # As long as it is held, there is nothing to write.
        assert rows(conn, "check_alerts") == []
        assert waiting(conn) == 1

    reported = {row.type: (row.opened, row.resolved) for row in rows(conn, "check_alerts")}

    assert waiting(conn) == 0
    now = open_one(conn, one)
    if one.resolves:
        assert now is None
        expected = {} if by == "resolved" else {one.type: (0, 1)}
    elif by == "resolved":
        assert (now.occurrences, now.alert_id == alert_id) == (1, False)
        expected = {one.type: (1, 0)}
    else:
        assert (now.occurrences, now.alert_id) == (before + 1, alert_id)
        expected = {}
    assert {t: n for t, n in reported.items() if t == one.type} == expected


def test_what_waits_is_written_in_its_order(conn: Conn, database: Database) -> None:
    user = low(conn, 60)
    deduct(conn, user, 20)
    (first,) = alerts(conn, user)

    with held(database, user, first.alert_id):
        goes_on(database, lambda own: grant(own, user, 20))
        goes_on(database, lambda own: deduct(own, user, 30))
        assert waiting(conn) == 2

    advance(conn, DAY)
    rows(conn, "check_alerts")

    assert waiting(conn) == 0
    second, third = alerts(conn, user)
    assert (second.alert_id, second.resolved_by) == (first.alert_id, "pgcredits")
    assert (third.resolved_at, third.message) == (None, "the user has 30 credits left")


def test_what_is_said_later_is_not_overtaken_by_what_waits(conn: Conn, database: Database) -> None:
    user = low(conn, 60)
    deduct(conn, user, 20)
    (alert,) = alerts(conn, user)

    # It waits to be resolved; then the balance falls again, and nobody is in the way.
    with held(database, user, alert.alert_id):
        goes_on(database, lambda own: grant(own, user, 20))
    deduct(conn, user, 20)
    rows(conn, "check_alerts")
    assert [a.resolved_at for a in alerts(conn, user)] == [None]

    # It waits to be counted; then it is resolved.
    with held(database, user, alert.alert_id):
        goes_on(database, lambda own: grant(own, user, 20))
        goes_on(database, lambda own: deduct(own, user, 20))
    grant(conn, user, 20)
    rows(conn, "check_alerts")
    assert [a.resolved_at for a in alerts(conn, user) if a.resolved_at is None] == []
    assert waiting(conn) == 0


def test_what_is_said_while_it_is_written_waits_for_the_next_check(
    conn: Conn, database: Database
) -> None:
    user = low(conn, 60)
    deduct(conn, user, 20)
    (alert,) = alerts(conn, user)
    with held(database, user, alert.alert_id, "resolved"):
        goes_on(database, lambda own: grant(own, user, 20))
        goes_on(database, lambda own: deduct(own, user, 20))

    advance(conn, DAY)
    with Session(database) as checking:
        checking.run("begin")
        checking.run("select * from credits.check_alerts()")

        hardly_waits(database, lambda own: grant(own, user, 20))
        assert rows(conn, "check_alerts") == []
        checking.run("commit")

    assert [a.resolved_at is None for a in alerts(conn, user)] == [False, True]
    assert waiting(conn) == 1
    rows(conn, "check_alerts")
    assert [a.resolved_at is None for a in alerts(conn, user)] == [False, False]
    assert waiting(conn) == 0


def test_an_alert_that_somebody_is_only_just_raising_keeps_nobody_waiting(
    conn: Conn, database: Database
) -> None:
    user = low(conn, 60)

    with Session(database) as holder:
        holder.run("begin")
        holder.run(
            "select credits.raise_alert('low_balance', 'as an application says', %s)", (user,)
        )
        hardly_waits(database, lambda own: deduct(own, user, 20))
        assert (
            hardly_waits(
                database, lambda own: value(own, "raise_alert", "low_balance", "again", user)
            )
            is None
        )
        holder.run("commit")

    rows(conn, "check_alerts")
    assert [a.occurrences for a in alerts(conn, user)] == [3]


def test_a_check_that_somebody_leaves_open_keeps_no_other_check_waiting(
    conn: Conn, database: Database
) -> None:
    fail(conn, start(conn), "provider_out_of_credits")

    with Session(database) as forgotten:
        forgotten.run("begin")
        assert len(forgotten.run("select * from credits.check_alerts()")) == 1

        assert hardly_waits(database, lambda own: rows(own, "check_alerts")) == []
        callback(conn, "nobody's", "500")
        advance(conn, timedelta(minutes=10))
        opened = hardly_waits(database, lambda own: rows(own, "check_alerts"))
        assert opened == [("callback_unmatched", 1, 0)]
        forgotten.run("rollback")

    assert [row.type for row in rows(conn, "check_alerts")] == []


def test_whoever_resolves_an_alert_and_then_grants_deadlocks_with_nobody(
    conn: Conn, database: Database
) -> None:
    user = low(conn, 20)
    alert_id = value(conn, "raise_alert", "low_balance", "m", user)

    with Session(database) as person, Session(database) as webhook:
        person.run("begin")
        person.run("select from credits.resolve_alert(%s, %s, 'Ada')", (user, alert_id))
        webhook.run("begin")
        webhook.start_work(lambda own: grant(own, user, 40))
        assert not webhook.is_blocked()
        webhook.result()

        person.start_work(lambda own: grant(own, user, 5))
        assert person.is_blocked(by=webhook)
        webhook.run("commit")
        person.result()
        person.run("commit")

    rows(conn, "check_alerts")
    assert balance(conn, user) == 65
    assert [a.resolved_by for a in alerts(conn, user)] == ["Ada"]


def test_a_redaction_that_waits_for_an_alert_does_not_hold_its_user(
    conn: Conn, database: Database
) -> None:
    user = low(conn, 20)
    alert_id = value(conn, "raise_alert", "odd", "says who they are", user)

    with Session(database) as redacting:
        with held(database, user, alert_id, "acknowledged") as holder:
            redacting.start_work(lambda own: call(own, "redact_user", user))
            assert redacting.is_blocked(by=holder)
            goes_on(database, lambda own: grant(own, user, 5))
        redacting.result()

    assert [a.message for a in alerts(conn, user, "odd")] == ["odd"]


def test_what_waits_is_redacted_too(conn: Conn, database: Database) -> None:
    user = new_user()
    alert_id = value(conn, "raise_alert", "odd", "first", user)
    with held(database, user, alert_id):
        value(conn, "raise_alert", "odd", "says who they are", user, p_metadata={"name": "Ada"})

    call(conn, "redact_user", user)
    rows(conn, "check_alerts")

    assert [(a.message, a.metadata, a.occurrences) for a in alerts(conn, user)] == [("odd", {}, 2)]
