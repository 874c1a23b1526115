"""However often others report, call or come and go, what is kept and told of it has a bound."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from command_line.alert_relay.events import FOLLOW, OFTEN
from command_line.maintain_loop.running_command import as_role, program
from objects.alerts.watch import PLATFORM, check, failed
from support.api import call, new_user, rows, value
from support.attempts import (
    alerts,
    attach,
    break_generations,
    callback,
    cancel,
    complete,
    events,
    fail,
    generation,
    open_alerts,
    start,
    state,
    story,
)
from support.books import NOON, grant
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

    from support.attempts import Attempt
    from support.databases import Database

Conn = psycopg.Connection[Any]

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
#: How many of one type are told of, or named, at once.
SOME = 100
#: How many callbacks wait for one task.
FEW = 20
#: From so many events on a generation's repeats are only counted.
LONG = 200


@pytest.fixture(autouse=True)
def _at_noon(conn: Conn) -> None:
    set_clock(conn, NOON)


@pytest.fixture
def listener(database: Database) -> Iterator[Conn]:
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        conn.execute("listen credits_alerts")
        yield conn


def heard(listener: Conn) -> list[str]:
    """The events that were sent since the last look."""
    listener.execute("select 1")
    return [json.loads(n.payload)["event"] for n in listener.notifies(timeout=0)]


def rows_as_they_lie(conn: Conn) -> list[Any]:
    """Every version of an alert's row: what is written again lies elsewhere."""
    return conn.execute("select a.ctid, a.xmin, a.* from credits.system_alerts as a").fetchall()


# --- alerts ---------------------------------------------------------------------------------------


def refunded_often(conn: Conn, users: int, refunds: int = 4) -> None:
    """So many users had so many refunds each, as after an outage: made-up rows."""
    conn.execute(
        "insert into credits.credit_transactions (user_id, transaction_id, seq, credits,"
        " balance_after, created_at, transaction_type, refund_of, allocations, metadata,"
        " content_digest, entry_hash)"
        " select md5(u::text)::uuid, md5(u || '-' || r)::uuid, r, 1, 1, %s, 'refund',"
        " md5('t' || u)::uuid, '[]', '{}', '', ''"
        " from generate_series(1, %s) as u cross join generate_series(1, %s) as r",
        (NOON, users, refunds),
    )


@pytest.mark.tampers  # made-up rows, without their charges
def test_after_an_outage_some_users_are_named_and_the_others_counted(
    conn: Conn, listener: Conn
) -> None:
    refunded_often(conn, 1000)

    assert check(conn) == {"repeated_refunds": (SOME + 1, 0)}
    assert len(heard(listener)) == SOME + 1
    (platform,) = alerts(conn, PLATFORM)
    assert platform.metadata == {"users": 900, "refunds": 3600, "credits": 3600}

    # They stay the same ones, also where others have more: who has the most is named besides.
    named = "select user_id from credits.system_alerts where resolved_at is null order by 1"
    before = conn.execute(named).fetchall()
    (late,) = conn.execute(
        "select user_id from credits.credit_transactions"
        " where user_id not in (select user_id from credits.system_alerts) limit 1"
    ).fetchall()
    conn.execute(
        "insert into credits.credit_transactions (user_id, transaction_id, seq, credits,"
        " balance_after, created_at, transaction_type, refund_of, allocations, metadata,"
        " content_digest, entry_hash) select %s, gen_random_uuid(), 10 + i, 1, 1, %s, 'refund',"
        " gen_random_uuid(), '[]', '{}', '', '' from generate_series(1, 9) as i",
        (late.user_id, NOON),
    )
    assert check(conn) == {"repeated_refunds": (1, 0)}
    assert conn.execute(named).fetchall() == sorted([*before, late])
    assert alerts(conn, PLATFORM)[0].metadata["refunds"] == 3596
    assert check(conn) == {}

    advance(conn, timedelta(days=1))
    assert check(conn) == {"repeated_refunds": (0, SOME + 2)}


@pytest.mark.tampers  # made-up rows, without their charges
def test_what_goes_on_unchanged_is_not_written_again(conn: Conn, listener: Conn) -> None:
    refunded_often(conn, 200)
    failed(conn, 1, error_type="provider_out_of_credits")
    check(conn)
    heard(listener)
    before = rows_as_they_lie(conn)

    advance(conn, MINUTE)

    assert check(conn) == {}
    assert rows_as_they_lie(conn) == before
    assert heard(listener) == []


def test_a_rule_with_quiet_after_resolves_nothing_whose_cause_lasts(conn: Conn) -> None:
    conn.execute(
        "update credits.alert_rules set quiet_after = '1 minute', renotify_after = '6 hours'"
        " where type = 'provider_out_of_credits'"
    )
    failed(conn, 1, error_type="provider_out_of_credits")
    assert check(conn) == {"provider_out_of_credits": (1, 0)}

    advance(conn, 5 * MINUTE)

    assert check(conn) == {}


def test_of_a_statements_many_alerts_the_most_urgent_are_told_and_a_follower_tells_all(
    conn: Conn, database: Database, listener: Conn
) -> None:
    conn.execute(
        "insert into credits.system_alerts (user_id, alert_id, level, created_at, first_seen_at,"
        " last_seen_at, notified_at, type, dedup_key, message, metadata)"
        " select gen_random_uuid(), gen_random_uuid(),"
        " case when i = 300 then 'critical' else 'warning' end::credits.alert_level,"
        " %(at)s, %(at)s, %(at)s, %(at)s, 'odd', '', 'm', '{}' from generate_series(1, 300) as i",
        {"at": NOON},
    )
    listener.execute("select 1")
    told = [json.loads(n.payload) for n in listener.notifies(timeout=0)]
    assert len(told) == SOME
    (urgent,) = conn.execute(
        "select alert_id from credits.system_alerts where level = 'critical'"
    ).fetchall()
    assert told[0]["alert_id"] == str(urgent.alert_id)

    conn.execute("update credits.system_alerts set resolved_at = %s, resolved_by = 'Ada'", (NOON,))
    assert heard(listener) == ["resolved"] * SOME
    conn.execute("update credits.system_alerts set resolved_at = null, resolved_by = null")
    assert heard(listener) == []

    with program(as_role(database, "credits_analyst"), *FOLLOW, *OFTEN) as follower:
        follower.until(lambda: len(follower.lines) >= 300, "told of all")
        assert {line["event"] for line in follower.told()} == {"opened"}
        assert len({line["alert_id"] for line in follower.told()}) == 300


def comes_and_goes(conn: Conn) -> uuid.UUID:
    """A user who is warned below 5, and has 10."""
    user = new_user()
    grant(conn, user, 10)
    call(conn, "set_low_balance_threshold", user, 5)
    return user


def test_a_balance_that_comes_and_goes_opens_two_alerts_an_hour(conn: Conn, listener: Conn) -> None:
    conn.execute("update credits.alert_rules set enabled = false where type = 'repeated_refunds'")
    user = comes_and_goes(conn)
    for _ in range(50):
        assert cancel(conn, start(conn, 8, user=user)).refunded
        advance(conn, timedelta(seconds=1))

    first, second = alerts(conn, user)
    assert (first.occurrences, second.occurrences) == (1, 49)
    assert (first.resolved_at is None, second.resolved_at is None) == (False, True)
    assert heard(listener) == ["opened", "resolved", "opened"]

    # As long as an hour passes, and no longer.
    set_clock(conn, second.created_at + HOUR - timedelta(microseconds=1))
    assert "low_balance" not in check(conn)
    assert open_alerts(conn, user) == ["low_balance"]
    advance(conn, timedelta(microseconds=1))
    assert check(conn) == {"low_balance": (0, 1)}
    assert heard(listener) == ["resolved"]
    assert conn.execute("select from credits.waiting_alerts").fetchall() == []


def test_an_alert_whose_resolution_was_put_off_stays_open_where_the_balance_fell_again(
    conn: Conn,
) -> None:
    user = comes_and_goes(conn)
    for _ in range(2):
        cancel(conn, start(conn, 8, user=user))
    start(conn, 8, user=user)

    advance(conn, 2 * HOUR)

    assert "low_balance" not in check(conn)
    assert open_alerts(conn, user) == ["low_balance"]
    # After its hour it is resolved at once.
    grant(conn, user, 10)
    assert open_alerts(conn, user) == []


def test_so_it_does_where_somebody_held_the_alert_as_it_fell(
    conn: Conn, database: Database
) -> None:
    user = comes_and_goes(conn)
    for _ in range(2):
        cancel(conn, start(conn, 8, user=user))
    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.system_alerts where resolved_at is null for update")
        start(conn, 8, user=user)
        holder.run("commit")

    advance(conn, 2 * HOUR)

    assert "low_balance" not in check(conn)
    assert open_alerts(conn, user) == ["low_balance"]
    assert conn.execute("select from credits.waiting_alerts").fetchall() == []


def test_without_a_window_it_opens_and_ends_each_time(conn: Conn) -> None:
    conn.execute("update credits.alert_rules set time_window = null where type = 'low_balance'")
    user = comes_and_goes(conn)
    for _ in range(3):
        cancel(conn, start(conn, 8, user=user))

    assert [a.resolved_at is None for a in alerts(conn, user)] == [False] * 3


# --- events ---------------------------------------------------------------------------------------


def goes_on(_conn: Conn, _attempt: Attempt) -> None:
    """It is in flight still."""


# What ends it, what is reported again and again, and as which event it is kept.
REPEATS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "cancellations of one that succeeded": (
        complete,
        lambda conn, attempt: cancel(conn, attempt, "again"),
        "cancel",
    ),
    "failures of one that succeeded": (
        complete,
        lambda conn, attempt: fail(conn, attempt, "timeout", "no answer"),
        "failure",
    ),
    "cancellations of one that failed": (fail, cancel, "cancel"),
    "successes of one that failed": (
        fail,
        lambda conn, _: callback(conn, "t-1", "200", p_cost_usd=Decimal("0.04")),
        "success",
    ),
    "successes of one that succeeded": (
        complete,
        lambda conn, _: callback(conn, "t-1", "200"),
        "success",
    ),
    "unknown codes": (complete, lambda conn, _: callback(conn, "t-1", "teapot"), "unclassified"),
    "unknown codes on the way": (
        goes_on,
        lambda conn, _: callback(conn, "t-1", "teapot"),
        "unclassified",
    ),
    "reports of progress": (
        goes_on,
        lambda conn, _: callback(conn, "t-1", "202", p_message="soon", p_payload={"of": 9}),
        "progress",
    ),
}


@pytest.mark.parametrize("name", REPEATS)
def test_a_report_that_only_repeats_an_earlier_one_is_counted_and_not_added(
    conn: Conn, name: str
) -> None:
    end, repeat, event = REPEATS[name]
    attempt = start(conn, task="t-1")
    end(conn, attempt)
    before = len(events(conn, attempt))

    answers = {repeat(conn, attempt)[1:] for _ in range(30)}

    assert len(answers) == 1
    assert story(conn, attempt)[before:] == [(event, False)]
    row = generation(conn, attempt)
    assert (row.repeated_reports, row.last_repeated_at) == (29, NOON)
    assert row.last_event_no == before + 1
    explained = value(conn, "explain_charge", attempt.user, attempt.generation)
    assert len(explained["events"]) == before + 1
    assert explained["repeated_reports"] == 29
    assert explained["last_repeated_at"].startswith("2031-05-16T12:00:00")


def test_what_differs_is_no_repeat(conn: Conn) -> None:
    attempt = start(conn, task="t-1")
    complete(conn, attempt)
    before = len(events(conn, attempt))

    cancel(conn, attempt)
    cancel(conn, attempt, "by mistake")
    fail(conn, attempt, "timeout")
    fail(conn, attempt, "internal_error")
    fail(conn, attempt, "timeout", p_error_code="504")
    callback(conn, "t-1", "500")
    callback(conn, "t-1", "202")
    callback(conn, "t-1", "202", p_cost_usd=1)

    assert len(events(conn, attempt)) == before + 8
    assert generation(conn, attempt).repeated_reports == 0


def test_on_the_way_each_payload_is_kept(conn: Conn) -> None:
    attempt = start(conn, task="t-1")
    for percent in (10, 20, 20):
        callback(conn, "t-1", "202", p_payload={"percent": percent})

    assert [e.payload for e in events(conn, attempt)[2:]] == [{"percent": 10}, {"percent": 20}]
    assert generation(conn, attempt).repeated_reports == 1


def test_what_changes_something_is_an_event_however_many_there_were(conn: Conn) -> None:
    attempt = start(conn, task="t-1")
    for i in range(LONG):
        callback(conn, "t-1", "202", p_message=f"step {i}")
    assert len(events(conn, attempt)) == LONG
    assert generation(conn, attempt).repeated_reports == 2

    assert callback(conn, "t-1", "500").refunded

    assert story(conn, attempt)[-1] == ("failure", True)
    assert len(events(conn, attempt)) == LONG + 1


def test_the_first_of_its_kind_is_kept_after_any_number_of_others(conn: Conn) -> None:
    attempt = start(conn)
    attach(conn, attempt, "t-1")
    for i in range(LONG):
        callback(conn, "t-1", "202", p_message=f"step {i}")
    callback(conn, "t-1", "200")

    for i in range(5):
        callback(conn, "t-1", "500", p_message=f"out of memory {i}")

    assert events(conn, attempt)[-1].message == "out of memory 0"
    assert generation(conn, attempt).repeated_reports == 4 + 2


def test_a_failure_that_gives_back_what_the_provider_bills_alerts_however_many_events(
    conn: Conn,
) -> None:
    conn.execute(
        "update credits.refund_policies set refund_percent = 0 where error_type = 'user_cancelled'"
    )
    attempt = start(conn)
    attach(conn, attempt, "t-1")
    for i in range(LONG):
        callback(conn, "t-1", "202", p_message=f"step {i}")
    cancel(conn, attempt)
    fail(conn, attempt, "user_cancelled", p_provider_billed=True)
    callback(conn, "t-1", "200")

    assert fail(conn, attempt, "timeout").credits_refunded == 10
    assert open_alerts(conn, attempt.user) == ["late_success_after_refund"]


# --- callbacks before their task is attached ------------------------------------------------------


def task(conn: Conn, name: str = "t-1") -> Any:
    (row,) = conn.execute(
        "select * from credits.provider_tasks where provider_task_id = %s", (name,)
    ).fetchall()
    return row


def inbox(conn: Conn) -> list[Any]:
    return conn.execute("select * from credits.provider_callbacks order by callback_id").fetchall()


def early(conn: Conn, code: str, *messages: str) -> None:
    """Callbacks of a task that nobody has attached, one after the other."""
    for message in messages:
        advance(conn, timedelta(seconds=1))
        assert callback(conn, "t-1", code, p_message=message).generation_id is None


def test_of_a_task_that_nobody_attached_so_many_callbacks_wait(conn: Conn) -> None:
    attempt = start(conn)
    early(conn, "202", *(f"step {i}" for i in range(60)))

    assert [c.message for c in inbox(conn)] == [f"step {i}" for i in range(FEW)]
    assert (task(conn).waiting_callbacks, task(conn).dropped_callbacks) == (FEW, 40)

    attach(conn, attempt, "t-1")

    assert (inbox(conn), task(conn).waiting_callbacks) == ([], 0)
    assert [e for e, _ in story(conn, attempt)[2:]] == ["progress"] * FEW


@pytest.mark.parametrize("code", ["202", "teapot"])
def test_the_outcome_is_not_lost_to_what_came_before_or_after(conn: Conn, code: str) -> None:
    attempt = start(conn)
    early(conn, code, *(f"step {i}" for i in range(FEW + 5)))
    early(conn, "500", "it failed")
    early(conn, code, *(f"late {i}" for i in range(FEW)))

    waiting = inbox(conn)
    # Of reports of progress the oldest is dropped; of a code that nobody knows the first stays.
    dropped = 0 if code == "202" else 1
    kept = [f"step {i}" for i in range(FEW) if i != dropped]
    assert [c.message for c in waiting] == [*kept, "it failed"]
    assert task(conn).waiting_callbacks == FEW

    assert attach(conn, attempt, "t-1").credits_refunded == 10
    assert state(conn, attempt).status == "failed"


def test_the_first_outcome_stays_whatever_follows(conn: Conn) -> None:
    attempt = start(conn)
    early(conn, "200", *["done"] * (FEW + 10))
    early(conn, "500", "no, it failed")

    assert [c.code for c in inbox(conn)] == ["200"] * (FEW - 1) + ["500"]
    assert attach(conn, attempt, "t-1").status == "succeeded"
    assert open_alerts(conn, attempt.user) == ["conflicting_failure"]


def test_a_code_that_nobody_knows_is_not_lost_to_reports_of_progress(conn: Conn) -> None:
    attempt = start(conn)
    early(conn, "202", *(f"step {i}" for i in range(FEW)))
    early(conn, "teapot", "it is ready")
    early(conn, "202", "late")

    assert attach(conn, attempt, "t-1").status == "processing"
    assert open_alerts(conn, attempt.user) == ["callback_unclassified"]


def test_a_success_is_not_lost_to_failures_delivered_again_and_again(conn: Conn) -> None:
    attempt = start(conn)
    early(conn, "500", *["it failed"] * FEW)
    advance(conn, MINUTE)
    callback(conn, "t-1", "200", p_cost_usd=0.5)

    assert attach(conn, attempt, "t-1").status == "failed"
    assert generation(conn, attempt).cost_usd == Decimal("0.5")
    assert open_alerts(conn, attempt.user) == ["late_success_after_refund"]


def test_a_code_of_the_provider_comes_before_that_of_all(conn: Conn) -> None:
    conn.execute(
        "insert into credits.provider_error_codes values ('nanobanana', '500', 'progress')"
    )
    for i in range(FEW):
        callback(conn, "t-1", "202", p_message=f"step {i}")
    callback(conn, "t-1", "500")

    assert {c.code for c in inbox(conn)} == {"202"}


def test_callbacks_at_once_are_counted_each(conn: Conn, database: Database) -> None:
    with Session(database) as one, Session(database) as other:
        one.run("begin")
        one.run("select from credits.handle_provider_callback('nanobanana', 't-1', '202')")
        other.start("select from credits.handle_provider_callback('nanobanana', 't-1', '202')")
        assert other.is_blocked(by=one)
        one.run("commit")
        other.result()

    assert (task(conn).waiting_callbacks, len(inbox(conn))) == (2, 2)


def test_a_run_reads_only_tasks_that_are_attached_and_have_callbacks_waiting(conn: Conn) -> None:
    conn.execute(
        "with tasks as (insert into credits.provider_tasks"
        " (provider, provider_task_id, created_at, waiting_callbacks)"
        " select 'nanobanana', 'x-' || i, %s, 1 from generate_series(1, 5000) as i"
        " returning provider, provider_task_id)"
        " insert into credits.provider_callbacks"
        " (provider, provider_task_id, callback_id, received_at, code)"
        " select provider, provider_task_id, gen_random_uuid(), %s, '202' from tasks",
        (NOON, NOON),
    )
    conn.execute("vacuum analyze credits.provider_tasks, credits.provider_callbacks")

    conn.execute("select pg_stat_force_next_flush()")
    with conn.transaction():
        assert rows(conn, "apply_waiting_callbacks") == []
        (read,) = conn.execute(
            "select coalesce(sum(s.seq_tup_read + s.idx_tup_fetch), 0)::integer"
            " from pg_stat_xact_user_tables as s"
            " where s.relname in ('provider_tasks', 'provider_callbacks')"
        ).fetchall()
    assert read[0] == 0


def test_the_alert_counts_ten_thousand_unmatched_callbacks_of_a_provider_at_most(
    conn: Conn,
) -> None:
    conn.execute(
        "insert into credits.provider_callbacks"
        " (provider, provider_task_id, callback_id, received_at, code)"
        " select case when i <= 3 then 'few' else 'many' end, 'x-' || i, gen_random_uuid(),"
        " %s::timestamptz - i * interval '1 minute', '202' from generate_series(1, 10020) as i",
        (NOON - HOUR,),
    )

    assert check(conn) == {"callback_unmatched": (2, 0)}

    few, many = sorted(alerts(conn, PLATFORM), key=lambda alert: alert.provider)
    assert few.metadata == {"callbacks": 3, "waiting_since": "2031-05-16T10:57:00.000000Z"}
    assert few.message.startswith("3 callbacks of few")
    assert many.metadata["callbacks"] == 10_000
    assert many.message.startswith("10000 or more callbacks of many")


def awaited(conn: Conn, name: str, user: uuid.UUID | None = None) -> Attempt:
    """A generation whose callback waits though its task is attached, as after an adoption."""
    attempt = start(conn, user=user)
    callback(conn, name, "500")
    conn.execute(
        "update credits.provider_tasks set user_id = %s, generation_id = %s, created_at = %s"
        " where provider_task_id = %s",
        (attempt.user, attempt.generation, advance(conn, timedelta(seconds=1)), name),
    )
    return attempt


def test_one_users_many_do_not_keep_the_others_waiting(conn: Conn) -> None:
    user = new_user()
    grant(conn, user, 1000)
    many = [awaited(conn, f"many-{i}", user) for i in range(15)]
    other = awaited(conn, "other")

    served = [row.user_id for row in rows(conn, "apply_waiting_callbacks", 12)]

    assert served == [user] * 10 + [other.user] + [user]
    assert len(rows(conn, "apply_waiting_callbacks")) == len(many) - 11


def test_a_user_who_fails_is_tried_once_a_run_and_last(conn: Conn) -> None:
    broken = new_user()
    grant(conn, broken, 1000)
    many = [awaited(conn, f"many-{i}", broken) for i in range(5)]
    others = [awaited(conn, f"other-{i}") for i in range(3)]
    break_generations(conn, broken)

    runs = [rows(conn, "apply_waiting_callbacks", 2) for _ in range(2)]

    assert [[(row.user_id, row.error is None) for row in run] for run in runs] == [
        [(broken, False), (others[0].user, True)],
        [(broken, False), (others[1].user, True)],
    ]
    assert [a.occurrences for a in alerts(conn, broken)] == [2]
    assert task(conn, "many-0").tried_at is not None
    assert many[0].user == broken


def test_a_busy_user_is_passed_for_the_rest_of_the_run(conn: Conn, database: Database) -> None:
    busy = new_user()
    grant(conn, busy, 1000)
    for i in range(3):
        awaited(conn, f"many-{i}", busy)
    other = awaited(conn, "other")
    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.user_credits where user_id = %s for no key update", (busy,))
        assert [r.user_id for r in rows(conn, "apply_waiting_callbacks", 1)] == [other.user]
        holder.run("commit")

    assert [r.user_id for r in rows(conn, "apply_waiting_callbacks")] == [busy] * 3


def test_a_run_ends_by_itself_before_a_timeout_undoes_it(conn: Conn) -> None:
    for i in range(8):
        awaited(conn, f"t-{i}")
    conn.execute(
        "create function public.work() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(0.6); return new; end $$"
    )
    conn.execute(
        "create trigger work before insert on credits.generation_events"
        " for each row execute function public.work()"
    )
    conn.execute("set statement_timeout = '3s'")

    served = rows(conn, "apply_waiting_callbacks")

    assert 0 < len(served) < 8
    conn.execute("drop trigger work on credits.generation_events")
    assert len(rows(conn, "apply_waiting_callbacks")) == 8 - len(served)


def test_a_task_that_somebody_holds_is_left_for_the_next_run(
    conn: Conn, database: Database
) -> None:
    held, other = awaited(conn, "held"), awaited(conn, "other")
    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.provider_tasks where provider_task_id = 'held' for update")
        assert [r.user_id for r in rows(conn, "apply_waiting_callbacks")] == [other.user]
        holder.run("commit")

    assert [r.user_id for r in rows(conn, "apply_waiting_callbacks")] == [held.user]
