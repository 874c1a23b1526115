"""Two sessions at one generation, step by step: one waits for the other, and finds what it left.

Each outcome is that of the same two calls one after the other, or, where the first is rolled back,
that of the second alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from stress.races.fire import (
    READ_COMMITTED,
    REPEATABLE_READ,
    SERIALIZABLE,
    attempt,
    balance,
    code_of,
    detail_of,
    isolated,
    ledger,
    one_waits_for_the_other,
)
from support.api import call, new_user, rows
from support.races import Session
from support.state import everything

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    import psycopg

    from support.databases import Database
    from support.races import Outcome

    Work = Callable[[psycopg.Connection[Any]], Any]

GRANTED = 100
CHARGE = 11
OLD_SNAPSHOTS = [REPEATABLE_READ, SERIALIZABLE]


class Started(NamedTuple):
    """A generation, by its arguments."""

    user: uuid.UUID
    generation: uuid.UUID
    charge: uuid.UUID


def start(
    conn: psycopg.Connection[Any], user: uuid.UUID | None = None, *, task: str | None = None
) -> Started:
    """Start a generation whose deadline has passed; with a task, it is attached."""
    if user is None:
        user = new_user()
        call(conn, "grant_user_credits", user, GRANTED)
    generation = call(
        conn, "start_generation", user, "acme", "image", CHARGE, p_timeout="1 microsecond"
    ).generation_id
    if task is not None:
        call(conn, "attach_provider_task", user, generation, task)
    found = state(conn, generation)
    return Started(user, generation, found.charge_transaction_id)


def state(conn: psycopg.Connection[Any], generation: uuid.UUID) -> Any:
    """The generation's row."""
    return conn.execute(
        "select g.* from credits.generations as g where g.generation_id = %s", (generation,)
    ).fetchone()


def events(conn: psycopg.Connection[Any], generation: uuid.UUID) -> list[tuple[str, bool]]:
    """What was kept of it after its start: each event, and whether it was applied."""
    found = conn.execute(
        "select e.event::text, e.applied from credits.generation_events as e"
        " where e.generation_id = %s and e.event <> 'started' order by e.event_no",
        (generation,),
    )
    return [(event, applied) for event, applied in found]


def alerts(conn: psycopg.Connection[Any]) -> list[str]:
    """Types of the open alerts."""
    found = conn.execute(
        "select a.type from credits.system_alerts as a where a.resolved_at is null order by a.type"
    )
    return [kind for (kind,) in found]


def inbox(conn: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Callbacks that wait: task and code."""
    found = conn.execute(
        "select c.provider_task_id, c.code from credits.provider_callbacks as c"
        " order by c.callback_id"
    )
    return [(task, code) for task, code in found]


def refunds(conn: psycopg.Connection[Any], user: uuid.UUID) -> list[int]:
    """What came back to the user, refund by refund."""
    return [moved for kind, moved in ledger(conn, user) if kind == "refund"]


def set_percent(conn: psycopg.Connection[Any], error_type: str, percent: int) -> None:
    conn.execute(
        "update credits.refund_policies set refund_percent = %s where error_type = %s",
        (percent, error_type),
    )


def to(name: str, *args: Any, **named: Any) -> Work:
    """A call to be made by some session."""
    return lambda conn: call(conn, name, *args, **named)


def attach(of: Started, task: str) -> Work:
    return to("attach_provider_task", of.user, of.generation, task)


def callback(task: str, code: str, **named: Any) -> Work:
    return to("handle_provider_callback", "acme", task, code, **named)


def sweep(conn: psycopg.Connection[Any]) -> list[Any]:
    return rows(conn, "sweep_stuck_generations")


def answered(row: Any) -> tuple[str, int, bool, bool, bool]:
    """A generation's result without what is the same for all here."""
    return (row.status, row.credits_refunded, row.refunded, row.applied, row.replayed)


def assert_refused(outcome: Outcome[Any], code: str, **figures: Any) -> None:
    assert outcome.error is not None, f"{code} was expected, but got {outcome.value}"
    assert code_of(outcome.error) == code
    detail = detail_of(outcome.error)
    assert {name: detail.get(name) for name in figures} == figures


# --- sweep against late success -------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_success_waits_for_the_sweep_that_gives_up_on_its_generation(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    one = start(conn, task="T")

    swept, late = one_waits_for_the_other(
        database, sweep, callback("T", "200", p_cost_usd=Decimal("0.07")), end=end
    )

    assert [(row.generation_id, row.credits) for row in swept] == [(one.generation, CHARGE)]
    found = state(conn, one.generation)
    assert found.cost_usd == Decimal("0.07")
    if end == "commit":
        # The credits are back; what the provider bills is ours to bear.
        assert answered(late.get()) == ("timed_out", CHARGE, True, False, False)
        assert refunds(conn, one.user) == [CHARGE]
        assert found.provider_billed is True
        assert alerts(conn) == ["late_success_after_refund"]
        assert events(conn, one.generation)[1:] == [("deadline", True), ("success", False)]
    else:
        assert answered(late.get()) == ("succeeded", 0, False, True, False)
        assert refunds(conn, one.user) == []
        assert alerts(conn) == []
        assert events(conn, one.generation)[1:] == [("success", True)]
    assert balance(conn, one.user) == late.get().balance


def test_a_sweep_leaves_out_a_generation_whose_success_is_being_reported(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    busy = start(conn, task="T")
    other = start(conn)

    with Session(database) as success, Session(database) as sweeper:
        success.run("begin")
        done = call(success.conn, "complete_generation", busy.user, busy.generation, 4)
        assert answered(done) == ("succeeded", CHARGE - 4, False, True, False)

        sweeper.start_work(sweep)
        assert not sweeper.is_blocked()
        assert [row.generation_id for row in sweeper.result()] == [other.generation]

        success.run("commit")
        assert rows(sweeper.conn, "sweep_stuck_generations") == []

    assert state(conn, busy.generation).status == "succeeded"
    assert balance(conn, busy.user) == GRANTED - 4
    assert alerts(conn) == []


def test_a_sweep_that_began_before_a_success_finds_the_generation_finished(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # Two candidates were chosen; while the sweep is at the first, the second succeeds.
    first, second = start(conn), start(conn)

    with Session(database) as holder, Session(database) as sweeper:
        # A trigger keeps the sweep at the first generation for as long as the test wants.
        hold_before_update(conn, first.generation)
        holder.run("begin")
        holder.run("select pg_catalog.pg_advisory_xact_lock(%s)", (HELD,))
        sweeper.start_work(sweep)
        assert sweeper.is_blocked(by=holder)

        call(conn, "complete_generation", second.user, second.generation)
        holder.run("commit")
        swept = sweeper.result()

    assert [row.generation_id for row in swept] == [first.generation]
    assert state(conn, second.generation).status == "succeeded"
    assert refunds(conn, second.user) == []


# The key of the lock by which a test keeps a session from going on.
HELD = 4711


def hold_before_update(conn: psycopg.Connection[Any], generation: uuid.UUID) -> None:
    """Whoever changes this generation waits for the lock HELD."""
    conn.execute(
        "create function public.hold() returns trigger language plpgsql as"
        f" $$ begin perform pg_catalog.pg_advisory_xact_lock({HELD}); return new; end $$"
    )
    conn.execute(
        "create trigger hold before update on credits.generations for each row"
        f" when (new.generation_id = '{generation}') execute function public.hold()"
    )


# --- callback against cancel ----------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_failure_callback_waits_for_a_cancellation_and_raises_it(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    set_percent(conn, "user_cancelled", 30)
    set_percent(conn, "internal_error", 50)
    one = start(conn, task="T")

    first, second = one_waits_for_the_other(
        database,
        to("cancel_generation", one.user, one.generation),
        callback("T", "500", p_message="broken"),
        end=end,
    )

    # 30 % of 11 are 4, 50 % are 6, once rounded up.
    assert answered(first) == ("cancelled", 4, True, True, False)
    if end == "commit":
        assert answered(second.get()) == ("cancelled", 6, True, True, False)
        assert refunds(conn, one.user) == [4, 2]
    else:
        assert answered(second.get()) == ("failed", 6, True, True, False)
        assert refunds(conn, one.user) == [6]
    found = state(conn, one.generation)
    assert (found.error_type, found.error_message) == ("internal_error", "broken")
    assert balance(conn, one.user) == GRANTED - CHARGE + 6


def test_a_success_callback_waits_for_a_cancellation_and_comes_too_late(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn, task="T")

    first, second = one_waits_for_the_other(
        database,
        to("cancel_generation", one.user, one.generation),
        callback("T", "200", p_cost_usd=Decimal("0.07")),
    )

    # By the seeds nothing comes back once the provider has it: so nobody need be told.
    assert answered(first) == ("cancelled", 0, False, True, False)
    assert answered(second.get()) == ("cancelled", 0, False, False, False)
    found = state(conn, one.generation)
    assert (found.cost_usd, found.provider_billed) == (Decimal("0.07"), True)
    assert alerts(conn) == []


@pytest.mark.parametrize(
    ("code", "status", "refunded"), [("200", "succeeded", 0), ("500", "failed", CHARGE)]
)
def test_a_cancellation_waits_for_a_callback_and_changes_nothing(
    database: Database,
    conn: psycopg.Connection[Any],
    code: str,
    status: str,
    refunded: int,
) -> None:
    one = start(conn, task="T")

    first, second = one_waits_for_the_other(
        database, callback("T", code), to("cancel_generation", one.user, one.generation)
    )

    assert answered(first) == (status, refunded, refunded > 0, True, False)
    assert second.get() == first._replace(applied=False)
    assert refunds(conn, one.user) == [refunded] * (refunded > 0)
    assert events(conn, one.generation)[-1] == ("cancel", False)
    assert alerts(conn) == []


def test_a_cancellation_waits_for_a_callback_that_is_rolled_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    set_percent(conn, "user_cancelled", 30)
    one = start(conn, task="T")

    _, second = one_waits_for_the_other(
        database,
        callback("T", "500"),
        to("cancel_generation", one.user, one.generation),
        end="rollback",
    )

    assert answered(second.get()) == ("cancelled", 4, True, True, False)
    assert refunds(conn, one.user) == [4]


def test_a_callback_waits_for_the_same_callback(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn, task="T")

    first, second = one_waits_for_the_other(database, callback("T", "500"), callback("T", "500"))

    assert answered(first) == ("failed", CHARGE, True, True, False)
    assert second.get() == first._replace(applied=False, replayed=True)
    assert refunds(conn, one.user) == [CHARGE]
    assert events(conn, one.generation)[1:] == [("failure", True), ("failure", False)]


# --- owed refunds: retry against settle -----------------------------------------------------------


def start_owed(conn: psycopg.Connection[Any]) -> Started:
    """A failed generation whose refund could not be paid, and can be now."""
    one = start(conn)
    conn.execute(
        "create function public.break() returns trigger language plpgsql as"
        " $$ begin raise exception 'broken on purpose'; end $$"
    )
    conn.execute(
        "create trigger broken before insert on credits.refund_totals"
        " for each row execute function public.break()"
    )
    failed = call(conn, "fail_generation", one.user, one.generation)
    assert answered(failed) == ("failed", 0, False, True, False)
    conn.execute("drop function public.break cascade")
    assert set(alerts(conn)) == {"refund_failed"}
    return one


def retry(conn: psycopg.Connection[Any]) -> list[Any]:
    return rows(conn, "retry_failed_refunds")


def settle(conn: psycopg.Connection[Any]) -> list[Any]:
    return rows(conn, "settle_owed_refunds", False)


PAYERS = pytest.mark.parametrize(
    ("payer", "other"),
    [(retry, settle), (settle, retry), (retry, retry), (settle, settle)],
    ids=["retry, settle", "settle, retry", "retry twice", "settle twice"],
)


@PAYERS
def test_a_payer_of_owed_refunds_finds_nothing_beside_another(
    database: Database, conn: psycopg.Connection[Any], payer: Work, other: Work
) -> None:
    one = start_owed(conn)

    with Session(database) as first, Session(database) as second:
        first.run("begin")
        (paid,) = payer(first.conn)
        assert (paid.generation_id, paid.error) == (one.generation, None)

        second.start_work(other)
        assert not second.is_blocked()
        assert second.result() == []

        first.run("commit")
        assert other(second.conn) == []

    assert refunds(conn, one.user) == [CHARGE]
    assert balance(conn, one.user) == GRANTED
    assert alerts(conn) == []


@PAYERS
def test_a_payer_of_owed_refunds_pays_what_another_has_rolled_back(
    database: Database, conn: psycopg.Connection[Any], payer: Work, other: Work
) -> None:
    one = start_owed(conn)

    with Session(database) as first, Session(database) as second:
        first.run("begin")
        assert len(payer(first.conn)) == 1
        first.run("rollback")

        assert len(other(second.conn)) == 1

    assert refunds(conn, one.user) == [CHARGE]
    assert alerts(conn) == []


@pytest.mark.parametrize("payer", [retry, settle])
def test_a_payer_that_has_chosen_a_generation_finds_it_paid_by_another(
    database: Database, conn: psycopg.Connection[Any], payer: Work
) -> None:
    # It looked at the list, then waited at its first user; the second is paid meanwhile.
    first, second = start_owed(conn), start_owed(conn)
    hold_before_update(conn, first.generation)

    with Session(database) as holder, Session(database) as slow:
        holder.run("begin")
        holder.run("select pg_catalog.pg_advisory_xact_lock(%s)", (HELD,))
        slow.start_work(payer)
        assert slow.is_blocked(by=holder)

        (paid,) = settle(conn)
        assert (paid.generation_id, paid.credits_owed, paid.credits_refunded) == (
            second.generation,
            CHARGE,
            CHARGE,
        )
        holder.run("commit")
        assert [row.generation_id for row in slow.result()] == [first.generation]

    assert refunds(conn, first.user) == refunds(conn, second.user) == [CHARGE]
    assert alerts(conn) == []


@pytest.mark.parametrize("payer", [retry, settle])
def test_a_refund_by_hand_waits_for_a_payer_and_is_a_replay(
    database: Database, conn: psycopg.Connection[Any], payer: Work
) -> None:
    one = start_owed(conn)

    _, second = one_waits_for_the_other(
        database, payer, to("refund_user_credits", one.user, one.charge)
    )

    assert (second.get().credits_refunded, second.get().replayed) == (CHARGE, True)
    assert refunds(conn, one.user) == [CHARGE]
    assert alerts(conn) == []


# --- unknown callback against attach --------------------------------------------------------------


def test_a_callback_waits_for_the_attachment_of_its_task_and_is_applied(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    first, second = one_waits_for_the_other(database, attach(one, "T"), callback("T", "500"))

    assert answered(first) == ("processing", 0, False, True, False)
    assert answered(second.get()) == ("failed", CHARGE, True, True, False)
    assert inbox(conn) == []
    assert events(conn, one.generation) == [("submitted", True), ("failure", True)]
    assert refunds(conn, one.user) == [CHARGE]


def test_a_further_callback_waits_for_the_attachment_too_and_is_applied(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    """The task's row is there already, made by the callback before."""
    one = start(conn)
    callback("T", "202")(conn)

    first, second = one_waits_for_the_other(database, attach(one, "T"), callback("T", "500"))

    assert answered(first) == ("processing", 0, False, True, False)
    assert answered(second.get()) == ("failed", CHARGE, True, True, False)
    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]


def test_a_callback_waits_for_an_attachment_that_is_rolled_back_and_then_for_the_next(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    _, second = one_waits_for_the_other(
        database, attach(one, "T"), callback("T", "500"), end="rollback"
    )

    answer = second.get()
    assert answer.applied is False
    assert {value for name, value in answer._asdict().items() if name != "applied"} == {None}
    assert inbox(conn) == [("T", "500")]
    assert state(conn, one.generation).status == "pending"

    assert answered(attach(one, "T")(conn)) == ("failed", CHARGE, True, True, False)
    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]


def test_an_attachment_waits_for_a_callback_of_its_task_and_applies_it(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    first, second = one_waits_for_the_other(database, callback("T", "500"), attach(one, "T"))

    assert first.status is None
    assert answered(second.get()) == ("failed", CHARGE, True, True, False)
    assert inbox(conn) == []
    assert events(conn, one.generation) == [("submitted", True), ("failure", True)]


def test_an_attachment_waits_for_a_further_callback_too_and_applies_both(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)
    callback("T", "202")(conn)

    _, second = one_waits_for_the_other(database, callback("T", "500"), attach(one, "T"))

    assert answered(second.get()) == ("failed", CHARGE, True, True, False)
    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]


def test_an_attachment_waits_for_a_callback_that_is_rolled_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    _, second = one_waits_for_the_other(
        database, callback("T", "500"), attach(one, "T"), end="rollback"
    )

    assert answered(second.get()) == ("processing", 0, False, True, False)
    assert inbox(conn) == []


def test_a_callback_of_another_task_does_not_wait_for_an_attachment(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    with Session(database) as attacher, Session(database) as provider:
        attacher.run("begin")
        attach(one, "T")(attacher.conn)

        provider.start_work(callback("U", "500"))
        assert not provider.is_blocked()
        assert provider.result().applied is False
        attacher.run("commit")

    assert inbox(conn) == [("U", "500")]


def test_the_inbox_is_emptied_beside_an_attachment_that_applied_it(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)
    callback("T", "500")(conn)

    with Session(database) as attacher, Session(database) as maintainer:
        attacher.run("begin")
        assert answered(attach(one, "T")(attacher.conn))[0] == "failed"

        maintainer.start_work(lambda conn: rows(conn, "apply_waiting_callbacks"))
        assert not maintainer.is_blocked()
        assert maintainer.result() == []
        attacher.run("commit")
        assert rows(maintainer.conn, "apply_waiting_callbacks") == []

    assert events(conn, one.generation) == [("submitted", True), ("failure", True)]
    assert refunds(conn, one.user) == [CHARGE]


# --- two attachments ------------------------------------------------------------------------------


@pytest.mark.parametrize("of_one_user", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_of_two_attachments_of_one_task_to_two_generations_one_is_refused(
    database: Database, conn: psycopg.Connection[Any], end: str, of_one_user: bool
) -> None:
    one = start(conn)
    other = start(conn, one.user if of_one_user else None)

    first, second = one_waits_for_the_other(database, attach(one, "T"), attach(other, "T"), end=end)

    assert answered(first) == ("processing", 0, False, True, False)
    if end == "commit":
        assert_refused(second, "provider_task_conflict", provider_task_id="T")
        assert state(conn, one.generation).provider_task_id == "T"
        assert events(conn, other.generation) == []
        assert state(conn, other.generation).status == "pending"
    else:
        assert second.get().generation_id == other.generation
        assert state(conn, one.generation).status == "pending"
        assert state(conn, other.generation).provider_task_id == "T"


@pytest.mark.parametrize("level", OLD_SNAPSHOTS)
@pytest.mark.parametrize("of_one_user", [True, False])
def test_of_two_attachments_of_one_task_an_old_snapshot_is_told_to_try_again(
    database: Database, conn: psycopg.Connection[Any], of_one_user: bool, level: str
) -> None:
    one = start(conn)
    other = start(conn, one.user if of_one_user else None)

    _, second = one_waits_for_the_other(database, attach(one, "T"), attach(other, "T"), level=level)

    assert_refused(second, "40001")
    assert state(conn, other.generation).status == "pending"
    assert_refused(attempt(lambda: attach(other, "T")(conn)), "provider_task_conflict")


def test_an_attachment_waits_for_the_same_attachment(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    first, second = one_waits_for_the_other(database, attach(one, "T"), attach(one, "T"))

    assert second.get() == first._replace(applied=False, replayed=True)
    assert events(conn, one.generation) == [("submitted", True)]


# --- by hand, at the start, and again -------------------------------------------------------------


def test_a_refund_by_hand_waits_for_a_failure_and_finds_it_paid(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    first, second = one_waits_for_the_other(
        database,
        to("fail_generation", one.user, one.generation, "network_error"),
        to("refund_user_credits", one.user, one.charge),
    )

    assert answered(first) == ("failed", CHARGE, True, True, False)
    assert (second.get().credits_refunded, second.get().replayed) == (CHARGE, True)
    assert refunds(conn, one.user) == [CHARGE]
    assert balance(conn, one.user) == GRANTED


def test_a_refund_by_hand_waits_for_a_partly_refunded_failure_and_gives_the_rest(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    set_percent(conn, "network_error", 50)
    one = start(conn)

    _, second = one_waits_for_the_other(
        database,
        to("fail_generation", one.user, one.generation, "network_error"),
        to("refund_user_credits", one.user, one.charge),
    )

    assert (second.get().credits_refunded, second.get().replayed) == (5, False)
    assert refunds(conn, one.user) == [6, 5]


def test_a_refund_by_hand_waits_for_a_failure_that_is_rolled_back_and_is_refused(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    _, second = one_waits_for_the_other(
        database,
        to("fail_generation", one.user, one.generation),
        to("refund_user_credits", one.user, one.charge),
        end="rollback",
    )

    assert_refused(second, "not_refundable", status="pending")
    assert refunds(conn, one.user) == []


def test_a_failure_waits_for_a_refund_by_hand_and_pays_only_what_is_missing(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # It can be refunded by hand once it has ended; a failure that is reported later counts that.
    set_percent(conn, "internal_error", 80)
    one = start(conn, task="T")
    cancelled = call(conn, "cancel_generation", one.user, one.generation)
    assert answered(cancelled) == ("cancelled", 0, False, True, False)

    _, second = one_waits_for_the_other(
        database,
        to("refund_user_credits", one.user, one.charge, 5),
        callback("T", "500"),
    )

    # 80 % of 11 are 9, once rounded up.
    assert answered(second.get()) == ("cancelled", 9, True, True, False)
    assert refunds(conn, one.user) == [5, 4]
    assert balance(conn, one.user) == GRANTED - CHARGE + 9


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_start_waits_for_one_with_its_id(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = new_user()
    call(conn, "grant_user_credits", user, GRANTED)
    begin = to("start_generation", user, "acme", "image", CHARGE, p_generation_id=new_user())

    first, second = one_waits_for_the_other(database, begin, begin, end=end)

    is_repeated = end == "commit"
    assert second.get() == first._replace(applied=not is_repeated, replayed=is_repeated)
    assert ledger(conn, user) == [("grant", GRANTED), ("deduction", -CHARGE)]


# --- locks and old snapshots ----------------------------------------------------------------------


SETTLEMENTS: dict[str, Callable[[Started], Work]] = {
    "complete": lambda one: to("complete_generation", one.user, one.generation, 4),
    "fail": lambda one: to("fail_generation", one.user, one.generation),
    "cancel": lambda one: to("cancel_generation", one.user, one.generation),
    "callback": lambda _one: callback("T", "500"),
    "refund by hand": lambda one: to("refund_user_credits", one.user, one.charge),
    "attach": lambda one: attach(one, "T"),
}


@pytest.mark.parametrize("waiting", SETTLEMENTS)
@pytest.mark.parametrize("other", ["complete", "fail", "cancel", "callback"])
def test_whoever_waits_for_a_user_holds_nothing_that_others_need(
    database: Database, conn: psycopg.Connection[Any], other: str, waiting: str
) -> None:
    one = start(conn, task="T")

    with Session(database) as first, Session(database) as second:
        first.run("begin")
        # The user's row, and only that.
        call(first.conn, "deduct_user_credits", one.user, 1)
        second.start_work(SETTLEMENTS[waiting](one))
        assert second.is_blocked(by=first)

        # Now the generation, too: a deadlock, if whoever waits had taken that before.
        settled = SETTLEMENTS[other](one)(first.conn)
        assert settled.applied is True
        first.run("commit")
        answer = second.result()

    assert getattr(answer, "status", settled.status) == settled.status
    assert state(conn, one.generation).status == settled.status


def test_an_attachment_that_waits_for_its_task_does_not_hold_its_user(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    one = start(conn)

    with Session(database) as first, Session(database) as second:
        first.run("begin")
        callback("T", "500")(first.conn)
        second.start_work(attach(one, "T"))
        assert second.is_blocked(by=first)

        # Whoever has the task may come to need the user: a deadlock, if the attachment had it.
        assert call(first.conn, "fail_generation", one.user, one.generation).applied is True
        first.run("commit")
        answer = second.result()

    assert answered(answer) == ("failed", CHARGE, True, False, False)
    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]


@pytest.mark.parametrize("level", OLD_SNAPSHOTS)
@pytest.mark.parametrize("second", SETTLEMENTS)
@pytest.mark.parametrize("first", ["complete", "fail", "cancel", "callback"])
def test_a_stale_session_is_told_to_try_again_and_has_changed_nothing(
    database: Database, conn: psycopg.Connection[Any], first: str, second: str, level: str
) -> None:
    one = start(conn, task="T")

    with Session(database, **isolated(level)) as stale:
        stale.run("begin")
        # The snapshot is taken here.
        assert call(stale.conn, "get_generation", one.user, one.generation).status == "processing"

        SETTLEMENTS[first](one)(conn)
        before = everything(conn)
        late = attempt(lambda: SETTLEMENTS[second](one)(stale.conn))

        assert_refused(late, "40001")
        stale.run("rollback")
        assert everything(conn) == before

        # Tried again, it finds what the first has left.
        again = SETTLEMENTS[second](one)(stale.conn)
        assert again is not None
    assert state(conn, one.generation).status != "processing"


@pytest.mark.parametrize("level", OLD_SNAPSHOTS)
@pytest.mark.parametrize("second", SETTLEMENTS)
def test_a_session_with_an_old_snapshot_waits_and_is_told_to_try_again(
    database: Database, conn: psycopg.Connection[Any], second: str, level: str
) -> None:
    one = start(conn, task="T")

    first, late = one_waits_for_the_other(
        database, SETTLEMENTS["fail"](one), SETTLEMENTS[second](one), level=level
    )

    assert answered(first) == ("failed", CHARGE, True, True, False)
    assert_refused(late, "40001")
    assert refunds(conn, one.user) == [CHARGE]
    assert events(conn, one.generation) == [("submitted", True), ("failure", True)]


@pytest.mark.parametrize("level", OLD_SNAPSHOTS)
def test_a_sweep_with_an_old_snapshot_is_told_to_try_again(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    one = start(conn)

    with Session(database, **isolated(level)) as stale:
        stale.run("begin")
        assert call(stale.conn, "get_generation", one.user, one.generation).status == "pending"
        call(conn, "complete_generation", one.user, one.generation)

        assert_refused(attempt(lambda: sweep(stale.conn)), "40001")
        stale.run("rollback")
        assert sweep(stale.conn) == []

    assert state(conn, one.generation).status == "succeeded"
    assert alerts(conn) == []


@pytest.mark.parametrize("level", [READ_COMMITTED, *OLD_SNAPSHOTS])
def test_a_further_callback_is_seen_by_the_attachment_or_it_is_to_be_tried_again(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    one = start(conn)
    callback("T", "202")(conn)

    with Session(database, **isolated(level)) as attacher:
        attacher.run("begin")
        assert call(attacher.conn, "get_generation", one.user, one.generation).status == "pending"
        callback("T", "500")(conn)
        if level != READ_COMMITTED:
            assert_refused(attempt(lambda: attach(one, "T")(attacher.conn)), "40001")
            attacher.run("rollback")
        answer = attach(one, "T")(attacher.conn)
        attacher.run("commit")

    assert answered(answer) == ("failed", CHARGE, True, True, False)
    assert state(conn, one.generation).status == "failed"
    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]


@pytest.mark.parametrize("is_callback_first", [True, False])
@pytest.mark.parametrize("level", OLD_SNAPSHOTS)
def test_a_callback_and_an_attachment_that_cannot_see_each_other_are_to_be_tried_again(
    database: Database, conn: psycopg.Connection[Any], level: str, is_callback_first: bool
) -> None:
    one = start(conn)
    first, second = callback("T", "500"), attach(one, "T")
    if not is_callback_first:
        first, second = second, first

    with Session(database, **isolated(level)) as stale:
        stale.run("begin")
        assert call(stale.conn, "get_generation", one.user, one.generation).status == "pending"
        first(conn)
        assert_refused(attempt(lambda: second(stale.conn)), "40001")
        stale.run("rollback")

        assert answered(second(stale.conn))[:3] == ("failed", CHARGE, True)

    assert inbox(conn) == []
    assert refunds(conn, one.user) == [CHARGE]
    assert events(conn, one.generation) == [("submitted", True), ("failure", True)]
