from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, refused, rows, value
from support.attempts import attach, callback, complete, events, fail, start, story
from support.books import NOON, entries, grant, no_trace, refused_argument
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    from support.attempts import Attempt
    from support.databases import Database

Conn = Any

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
PLATFORM = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def _at_noon(conn: Conn) -> None:
    set_clock(conn, NOON)


def keep(conn: Conn, **columns: str | None) -> None:
    for column, interval in columns.items():
        conn.execute(f"update credits.settings set {column} = %s", (interval,))


def purge(conn: Conn, *limit: int | None) -> int:
    purged: int = value(conn, "purge_history", *limit)
    return purged


def delivered(conn: Conn, task: str) -> Attempt:
    """A generation that a callback with a payload has ended."""
    attempt = start(conn, task=task)
    callback(conn, task, "200", p_message="done", p_payload={"url": "s3"})
    return attempt


def payloads(conn: Conn, attempt: Attempt) -> list[Any]:
    return [e.payload for e in events(conn, attempt) if e.is_callback]


def inbox(conn: Conn) -> list[str]:
    found = conn.execute("select provider_task_id from credits.provider_callbacks order by 1")
    return [row.provider_task_id for row in found]


def tasks(conn: Conn) -> list[tuple[str, int]]:
    return [
        (row.provider_task_id, row.waiting_callbacks)
        for row in conn.execute("select * from credits.provider_tasks order by provider_task_id")
    ]


def resolved(conn: Conn, kind: str) -> None:
    alert_id = value(conn, "raise_alert", kind, "m")
    call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")


def alerts(conn: Conn) -> list[str]:
    return [row.type for row in conn.execute("select type from credits.system_alerts order by 1")]


# --- payloads -------------------------------------------------------------------------------------


def test_by_default_payloads_and_alerts_are_kept_for_ever(conn: Conn) -> None:
    attempt = delivered(conn, "t-1")
    resolved(conn, "odd")
    advance(conn, 4000 * DAY)

    with no_trace(conn):
        assert purge(conn) == 0
    assert payloads(conn, attempt) == [{"url": "s3"}]


def test_the_payload_is_blanked_in_time_and_the_event_stays(conn: Conn) -> None:
    keep(conn, keep_payloads="2 days")
    attempt = delivered(conn, "t-1")
    before = events(conn, attempt)
    ledger = entries(conn, attempt.user)
    advance(conn, 2 * DAY)
    assert purge(conn) == 0

    now = advance(conn, MICROSECOND)

    assert purge(conn) == 1
    assert events(conn, attempt) == [
        *before[:-1],
        before[-1]._replace(payload={}, payload_purged_at=now),
    ]
    assert entries(conn, attempt.user) == ledger
    assert rows(conn, "verify_ledger") == []
    with no_trace(conn):
        assert purge(conn) == 0


def test_what_is_in_flight_keeps_its_payloads(conn: Conn) -> None:
    keep(conn, keep_payloads="1 day")
    attempt = start(conn, task="t-1", p_timeout=timedelta(days=30))
    callback(conn, "t-1", "202", p_payload={"percent": 1})
    advance(conn, 10 * DAY)

    assert purge(conn) == 0
    complete(conn, attempt)
    advance(conn, DAY + MICROSECOND)
    assert purge(conn) == 1
    assert payloads(conn, attempt) == [{}]


@pytest.mark.parametrize("code", ["200", "teapot"])
def test_of_a_callback_that_comes_later_still_no_payload_is_kept(conn: Conn, code: str) -> None:
    keep(conn, keep_payloads="1 day")
    attempt = start(conn, task="t-1")
    fail(conn, attempt)
    advance(conn, DAY + MICROSECOND)
    purge(conn)

    callback(conn, "t-1", code, p_payload={"url": "s3"})

    assert payloads(conn, attempt) == [{}]


def test_of_a_success_that_is_reported_later_still_no_metadata_is_kept(conn: Conn) -> None:
    keep(conn, keep_payloads="1 day")
    attempt = start(conn)
    complete(conn, attempt, p_metadata={"file": "one.png"})
    advance(conn, DAY + MICROSECOND)
    purge(conn)

    complete(conn, attempt, 3, p_metadata={"file": "two.png"})

    assert [e.payload for e in events(conn, attempt)] == [{}] * 3


def test_it_goes_on_where_it_stopped_and_reads_nothing_twice(conn: Conn) -> None:
    keep(conn, keep_payloads="1 day")
    # All finish at the same moment.
    attempts = [delivered(conn, f"t-{i}") for i in range(5)]
    advance(conn, DAY + MICROSECOND)

    assert [purge(conn, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [payloads(conn, attempt) for attempt in attempts] == [[{}]] * 5

    late = delivered(conn, "late")
    advance(conn, DAY + MICROSECOND)
    assert (purge(conn), payloads(conn, late)) == (1, [{}])


def test_whom_somebody_is_redacting_is_left_for_later_and_not_waited_for(
    conn: Conn, database: Database
) -> None:
    keep(conn, keep_payloads="1 day")
    first = delivered(conn, "t-1")
    advance(conn, timedelta(seconds=1))
    second = delivered(conn, "t-2")
    advance(conn, timedelta(seconds=1))
    third = delivered(conn, "t-3")
    advance(conn, 2 * DAY)

    with Session(database) as redacting, Session(database) as purging:
        redacting.run("begin")
        redacting.run("select credits.redact_user(%s)", (second.user,))
        purging.start("select credits.purge_history()")
        assert not purging.is_blocked()
        assert purging.result() == [(1,)]
        redacting.run("rollback")

    assert [payloads(conn, a) for a in (first, second, third)] == [[{}], [{"url": "s3"}], [{}]]
    assert purge(conn) == 2
    assert payloads(conn, second) == [{}]


def test_what_was_blanked_can_be_redacted_still(conn: Conn) -> None:
    keep(conn, keep_payloads="1 day")
    attempt = delivered(conn, "t-1")
    advance(conn, 2 * DAY)
    purge(conn)

    call(conn, "redact_user", attempt.user)

    (event,) = [e for e in events(conn, attempt) if e.is_callback]
    assert (event.message, event.payload) == (None, {})
    assert event.redacted_at is not None
    assert event.payload_purged_at is not None


# --- resolved alerts ------------------------------------------------------------------------------


def test_resolved_alerts_go_in_time_and_open_ones_stay(conn: Conn) -> None:
    keep(conn, keep_resolved_alerts="2 days")
    resolved(conn, "old")
    value(conn, "raise_alert", "open", "m")
    advance(conn, DAY)
    resolved(conn, "newer")
    advance(conn, DAY + MICROSECOND)

    assert purge(conn) == 1
    assert alerts(conn) == ["newer", "open"]
    advance(conn, DAY)
    assert [purge(conn), purge(conn)] == [1, 0]
    assert alerts(conn) == ["open"]


def test_an_alert_that_somebody_holds_is_deleted_later(conn: Conn, database: Database) -> None:
    keep(conn, keep_resolved_alerts="1 day")
    for kind in ("a", "b", "c"):
        resolved(conn, kind)
        advance(conn, timedelta(seconds=1))
    advance(conn, 2 * DAY)

    with Session(database) as holder:
        holder.run("begin")
        holder.run("select from credits.system_alerts where type = 'b' for update")
        assert purge(conn) == 2
        holder.run("commit")

    assert alerts(conn) == ["b"]
    assert (purge(conn), alerts(conn)) == (1, [])


# --- unmatched callbacks --------------------------------------------------------------------------


def test_a_callback_that_nobody_claims_goes_after_thirty_days_with_its_task(conn: Conn) -> None:
    callback(conn, "t-1", "202")
    callback(conn, "t-2", "202")
    advance(conn, DAY)
    callback(conn, "t-2", "200")
    advance(conn, 29 * DAY)
    assert purge(conn) == 0

    advance(conn, MICROSECOND)

    assert purge(conn) == 2
    assert inbox(conn) == ["t-2"]
    assert tasks(conn) == [("t-2", 1)]
    advance(conn, DAY)
    assert [purge(conn), purge(conn)] == [1, 0]
    assert (inbox(conn), tasks(conn)) == ([], [])


def test_for_ever_where_the_setting_says_so(conn: Conn) -> None:
    keep(conn, keep_unmatched_callbacks=None)
    callback(conn, "t-1", "202")
    advance(conn, 4000 * DAY)

    assert (purge(conn), inbox(conn)) == (0, ["t-1"])


def test_what_is_attached_stays(conn: Conn) -> None:
    attempt = start(conn)
    attach(conn, attempt, "mine")
    callback(conn, "t-1", "202")
    conn.execute(
        "update credits.provider_tasks set user_id = %s, generation_id = %s"
        " where provider_task_id = 't-1'",
        (attempt.user, attempt.generation),
    )
    advance(conn, 31 * DAY)

    assert purge(conn) == 0
    assert (inbox(conn), tasks(conn)) == (["t-1"], [("mine", 0), ("t-1", 1)])


def test_unmatched_ones_go_in_batches(conn: Conn) -> None:
    for i in range(5):
        callback(conn, f"t-{i}", "202")
    advance(conn, 31 * DAY)

    assert [purge(conn, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert (inbox(conn), tasks(conn)) == ([], [])


def test_whoever_is_about_to_attach_the_task_keeps_it(conn: Conn, database: Database) -> None:
    attempt = start(conn, p_timeout=timedelta(days=100))
    callback(conn, "t-1", "200")
    callback(conn, "t-2", "200")
    advance(conn, 31 * DAY)

    with Session(database) as attaching:
        attaching.run("begin")
        attaching.run(
            "select from credits.attach_provider_task(%s, %s, 't-1')",
            (attempt.user, attempt.generation),
        )
        assert purge(conn) == 1
        attaching.run("commit")

    assert story(conn, attempt)[-1] == ("success", True)
    assert tasks(conn) == [("t-1", 0)]


@pytest.mark.parametrize("call_", ["attach", "callback"])
def test_whoever_waits_for_a_task_that_is_purged_makes_its_row_anew(
    conn: Conn, database: Database, call_: str
) -> None:
    attempt = start(conn, p_timeout=timedelta(days=100))
    callback(conn, "t-1", "202")
    advance(conn, 31 * DAY)

    with Session(database) as purging, Session(database) as own:
        purging.run("begin")
        purging.run("select credits.purge_history()")
        if call_ == "attach":
            own.start(
                "select from credits.attach_provider_task(%s, %s, 't-1')",
                (attempt.user, attempt.generation),
            )
        else:
            own.start("select from credits.handle_provider_callback('nanobanana', 't-1', '200')")
        assert own.is_blocked(by=purging)
        purging.run("commit")
        own.result()

    assert tasks(conn) == [("t-1", 0 if call_ == "attach" else 1)]
    if call_ == "callback":
        attach(conn, attempt, "t-1")
        assert story(conn, attempt)[-1] == ("success", True)


# --- the rest -------------------------------------------------------------------------------------


def test_two_runs_at_once_do_not_wait_for_each_other(conn: Conn, database: Database) -> None:
    keep(conn, keep_payloads="1 day", keep_resolved_alerts="1 day")
    delivered(conn, "t-1")
    resolved(conn, "odd")
    callback(conn, "t-2", "202")
    advance(conn, 31 * DAY)

    with Session(database) as one, Session(database) as other:
        one.run("begin")
        assert one.run("select credits.purge_history()") == [(3,)]
        other.start("select credits.purge_history()")
        assert not other.is_blocked()
        assert other.result() == [(0,)]
        one.run("rollback")

    assert purge(conn) == 3


def test_the_ledger_is_left_alone(conn: Conn) -> None:
    keep(conn, keep_payloads="1 day", keep_resolved_alerts="1 day")
    user = new_user()
    grant(conn, user, 10, p_metadata={"order": 1})
    before = entries(conn, user)
    advance(conn, 1000 * DAY)

    purge(conn)

    assert entries(conn, user) == before


@pytest.mark.parametrize("limit", [None, 0, -1])
def test_a_limit_that_makes_no_sense_is_refused(conn: Conn, limit: int | None) -> None:
    with refused_argument(conn, "p_limit", value=None if limit is None else str(limit)):
        purge(conn, limit)


def test_apps_and_analysts_may_not_call_it(database: Database) -> None:
    for role in ("credits_app", "credits_analyst"):
        with refused("42501"):
            purge(database.connect(role=role))
    assert purge(database.connect(role="credits_operator")) == 0
