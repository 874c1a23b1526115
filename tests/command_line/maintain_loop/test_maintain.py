"""``pgcredits maintain``: everything that is due gets done, once, whatever happens meanwhile."""

from __future__ import annotations

import json
import re
import signal
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

from command_line.maintain_loop.running_command import (
    DEADLINE_SECONDS,
    Program,
    as_role,
    note_transactions,
    program,
    run,
    transactions_noted,
    until,
)
from objects.maintenance.users_to_sweep import SWEEPS
from pgcredits import maintenance, traffic
from pgcredits.long_running import Stop
from pgcredits.maintenance import TASKS, Done, Maintenance
from support.api import call, new_user
from support.attempts import break_refunds, fail, generation, mend_refunds, start
from support.books import NOON, balance, grant
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.attempts import Attempt
    from support.databases import Database

MINUTE = timedelta(minutes=1)
NOTHING = dict.fromkeys(TASKS, 0)
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (\w+): (\d+)")
EXPIRY = SWEEPS[0]
# Any number: somebody holds it, and a task waits for it.
DOOR = 7
SUCCESSION_SECONDS = 0.5

REPLACED = """
create or replace function credits.expire_user_credits(p_limit integer default 100)
returns setof credits.sweep_result language plpgsql volatile security definer as $$
begin
    {}
end $$
"""
# A task that waits until it is let go on, then leaves a row.
WAITS = REPLACED.format(
    f"perform pg_advisory_xact_lock({DOOR});"
    " insert into public.done values (current_setting('lock_timeout'),"
    " current_setting('statement_timeout'), current_setting('application_name'));"
)


@pytest.fixture
def operator(database: Database) -> str:
    return as_role(database, "credits_operator")


@pytest.fixture
def door(database: Database, conn: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A session that keeps expire_user_credits waiting."""
    conn.execute("create table public.done (lock_timeout text, timeout text, name text)")
    conn.execute(WAITS.encode())
    with database.connect() as keeper:
        keeper.execute("select pg_advisory_lock(%s)", (DOOR,))
        yield keeper


def stuck(conn: psycopg.Connection[Any], n: int = 1) -> list[Attempt]:
    """So many generations whose deadline has passed."""
    set_clock(conn, NOON)
    attempts = [start(conn, p_timeout=MINUTE) for _ in range(n)]
    advance(conn, MINUTE)
    return attempts


def is_settled(conn: psycopg.Connection[Any], attempt: Attempt) -> bool:
    return bool(generation(conn, attempt).status == "timed_out")


def assert_swept_once(conn: psycopg.Connection[Any], attempts: list[Attempt]) -> None:
    """Each is settled, and has exactly what it cost back."""
    for attempt in attempts:
        assert generation(conn, attempt).status == "timed_out"
        assert balance(conn, attempt.user) == 100
    (refunds,) = conn.execute(
        "select count(*) as n, sum(credits)::bigint as credits from credits.credit_transactions"
        " where transaction_type = 'refund'"
    ).fetchall()
    assert (refunds.n, refunds.credits) == (len(attempts), 10 * len(attempts))


def counts(stdout: str) -> dict[str, int]:
    """What the lines for people say."""
    matches = [LINE.fullmatch(line) for line in stdout.splitlines()]
    return {match[1]: int(match[2]) for match in matches if match}


def has_rounds(running: Program, n: int) -> bool:
    return [line["task"] for line in running.told()].count("check_alerts") >= n


def waits_at_the_door(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute(
        "select pid from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock' and application_name = 'pgcredits maintain'"
    ).fetchall()


# --- one round ------------------------------------------------------------------------------------


def test_an_operator_gets_everything_done_that_is_due(
    conn: psycopg.Connection[Any], operator: str
) -> None:
    (attempt,) = stuck(conn)
    owed = start(conn)
    break_refunds(conn)
    fail(conn, owed)
    mend_refunds(conn)
    poor = new_user()
    grant(conn, poor, 5, p_expires_at=NOON + 2 * MINUTE)
    planned = new_user()
    call(conn, "set_user_plan", planned, "free")
    advance(conn, MINUTE)

    done = run(operator, "maintain", "--once")

    assert (done.returncode, done.stderr) == (0, "")
    assert counts(done.stdout) == NOTHING | {
        "sweep_stuck_generations": 1,
        "retry_failed_refunds": 1,
        "expire_user_credits": 1,
        "apply_allowances": 1,
    }
    assert generation(conn, attempt).status == "timed_out"
    assert [balance(conn, u) for u in (attempt.user, owed.user, poor, planned)] == [100, 100, 0, 5]


def test_scripts_get_an_object_for_each_task(conn: psycopg.Connection[Any], operator: str) -> None:
    stuck(conn)

    done = run(operator, "maintain", "--once", "--format", "json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(re.fullmatch(r"[-\d]{10}T[:\d]{8}Z", line.pop("at")) for line in lines)
    assert lines == [
        {"task": task, "count": int(task == "sweep_stuck_generations"), "failed": 0, "error": None}
        for task in TASKS
    ]


def test_a_backlog_is_drained_in_one_round(conn: psycopg.Connection[Any], operator: str) -> None:
    users = EXPIRY.make_due(conn, 250)
    note_transactions(conn, "credits.credit_transactions")

    done = run(operator, "maintain", "--once")

    assert counts(done.stdout)["expire_user_credits"] == 250
    assert {balance(conn, user) for user in users} == {0}
    assert transactions_noted(conn) == 2


def test_maintenance_gives_way_while_others_work_on_the_server(
    conn: psycopg.Connection[Any], operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    EXPIRY.make_due(conn, 5)
    note_transactions(conn, "credits.credit_transactions")
    monkeypatch.setattr(maintenance, "BATCH", 20)
    monkeypatch.setattr(traffic, "EVERY", 0)
    monkeypatch.setattr(traffic, "BUSY", float("-inf"))
    stop = Stop()
    pauses: list[float] = []
    monkeypatch.setattr(stop, "wait", lambda seconds: pauses.append(seconds))
    rounds = Maintenance(operator, stop)
    rounds.open()
    done = {done.task: done.count for done in rounds.run_round()}
    rounds.close()

    assert done["expire_user_credits"] == 5
    assert transactions_noted(conn) == 3
    assert len(pauses) >= 3
    assert all(0 < pause <= maintenance.LONGEST_PAUSE for pause in pauses)


def test_transactions_of_others_are_told_from_its_own(
    conn: psycopg.Connection[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "EVERY", 0)
    # The server's own processes run a transaction now and then.
    monkeypatch.setattr(traffic, "BUSY", 300)
    others = traffic.OtherTraffic()
    work(conn, 0)
    others.look(conn, own=0)
    assert not others.is_busy

    work(conn, 300)
    others.look(conn, own=301)
    assert not others.is_busy

    with database.connect() as other:
        work(other, 300)
    others.look(conn, own=0)
    assert others.is_busy

    others.look(conn, own=0)
    assert not others.is_busy


def work(conn: psycopg.Connection[Any], transactions: int) -> None:
    """Run them, and one that makes the server count them all."""
    for _ in range(transactions):
        conn.execute("select")
    conn.execute("select pg_stat_force_next_flush()")


def test_what_is_left_of_a_long_backlog_does_not_wait(
    conn: psycopg.Connection[Any], operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    EXPIRY.make_due(conn, 250)
    monkeypatch.setattr(maintenance, "BATCHES", 1)
    stop = Stop()
    heard: list[Done] = []

    def tell(done: Done) -> None:
        if done.task == "expire_user_credits":
            heard.append(done)
            if not done.is_behind:
                stop.set()

    rounds = Maintenance(operator, stop)
    rounds.open()
    # Should it wait for the next round after all, it is told to stop, and the test fails.
    too_late = Timer(DEADLINE_SECONDS, stop.set)
    too_late.start()
    rounds.run_rounds(86_400, tell)
    too_late.cancel()
    rounds.close()

    assert [(done.count, done.is_behind) for done in heard] == [
        (200, True),
        (50, False),
    ]


def test_batches_of_users_who_always_fail_neither_end_a_round_nor_make_it_endless(
    conn: psycopg.Connection[Any], operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "BATCH", 2)
    attempts = stuck(conn, 5)
    broken, others = attempts[:3], attempts[3:]
    served = ", ".join(f"'{attempt.user}'" for attempt in others)
    conn.execute(
        "alter table credits.generations"
        f" add constraint generations_broken_on_purpose check (user_id in ({served})) not valid"
    )
    rounds = Maintenance(operator, Stop())
    rounds.open()
    (done,) = [done for done in rounds.run_round() if done.task == "sweep_stuck_generations"]
    rounds.close()

    assert (done.count, done.failed, done.is_behind) == (2, len(broken), False)
    assert "broken_on_purpose" in (done.error or "")
    assert {generation(conn, attempt).status for attempt in others} == {"timed_out"}


def test_a_task_that_fails_undoes_no_other(conn: psycopg.Connection[Any], operator: str) -> None:
    attempts = stuck(conn)
    planned = new_user()
    call(conn, "set_user_plan", planned, "free")
    conn.execute(REPLACED.format("raise exception 'no\nluck';").encode())

    done = run(operator, "maintain", "--once")

    assert done.returncode == 20
    assert "expire_user_credits failed: no luck\n" in done.stderr
    assert "error: failed: expire_user_credits\n" in done.stderr
    expected = NOTHING | {"sweep_stuck_generations": 1, "apply_allowances": 1}
    del expected["expire_user_credits"]
    assert counts(done.stdout) == expected
    assert_swept_once(conn, attempts)
    assert balance(conn, planned) == 5


def test_users_who_cannot_be_served_are_counted_apart(
    conn: psycopg.Connection[Any], operator: str
) -> None:
    owed = start(conn)
    break_refunds(conn)
    fail(conn, owed)

    done = run(operator, "maintain", "--once")
    told = run(operator, "maintain", "--once", "--format", "json")
    mend_refunds(conn)

    assert (done.returncode, told.returncode) == (0, 0)
    assert counts(done.stdout)["retry_failed_refunds"] == 0
    assert " retry_failed_refunds could not serve 1: " in done.stderr
    (line,) = [json.loads(x) for x in told.stdout.splitlines() if "retry_failed" in x]
    assert (line["count"], line["failed"]) == (0, 1)
    assert line["error"] in done.stderr


@pytest.mark.parametrize(("losses", "status"), [(2, 0), (3, 20)])
@pytest.mark.parametrize(
    "error",
    # The last is raised where somebody has filled the queue of NOTIFY.
    ["serialization_failure", "deadlock_detected", "program_limit_exceeded"],
)
def test_losing_against_another_transaction_is_tried_again(
    conn: psycopg.Connection[Any], operator: str, error: str, losses: int, status: int
) -> None:
    conn.execute("create sequence public.tries")
    conn.execute(
        REPLACED.format(
            f"if nextval('public.tries') <= {losses} then"
            f" raise exception using errcode = '{error}'; end if;"
        ).encode()
    )

    assert run(operator, "maintain", "--once").returncode == status


# --- several at once ------------------------------------------------------------------------------


def test_two_at_once_sweep_and_refund_each_generation_once(
    conn: psycopg.Connection[Any], operator: str
) -> None:
    attempts = stuck(conn, 60)

    with (
        program(operator, "maintain", "--once") as one,
        program(operator, "maintain", "--once") as two,
    ):
        assert (one.ended(), two.ended()) == (0, 0)

    done = [counts("\n".join(each.lines))["sweep_stuck_generations"] for each in (one, two)]
    assert sum(done) == 60
    assert_swept_once(conn, attempts)


# --- the loop, and its end ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_while_it_waits(operator: str, number: int) -> None:
    with program(operator, "maintain", "--interval", "86400", "--format", "json") as loop:
        loop.until(lambda: has_rounds(loop, 1))

        assert loop.end(number) == 0

    assert loop.complaints == []
    assert [line["task"] for line in loop.told()] == list(TASKS)


def test_it_goes_round_and_round(conn: psycopg.Connection[Any], operator: str) -> None:
    with program(operator, "maintain", "--interval", "1") as loop:
        for _ in range(2):
            (attempt,) = stuck(conn)
            loop.until(partial(is_settled, conn, attempt))

        assert loop.end() == 0

    # To people it says only what was done.
    done = [match[1] for line in loop.lines if (match := LINE.fullmatch(line)) and match[2] != "0"]
    assert len(done) == len(loop.lines)
    assert done.count("sweep_stuck_generations") == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_task_that_runs_is_finished_and_no_other_begun(
    conn: psycopg.Connection[Any], door: psycopg.Connection[Any], operator: str, number: int
) -> None:
    grant(conn, new_user(), 5)

    with program(operator, "maintain", "--format", "json") as loop:
        loop.until(lambda: waits_at_the_door(conn), "waiting")
        loop.send(number)
        # Once it has taken the signal in.
        until(lambda: not _is_pending(loop.process.pid, number), "the signal")
        assert waits_at_the_door(conn)
        door.execute("select pg_advisory_unlock(%s)", (DOOR,))

        assert loop.ended() == 0

    assert conn.execute("select * from public.done").fetchall() == [
        ("10s", "10min", "pgcredits maintain")
    ]
    done = list(TASKS)[: list(TASKS).index("expire_user_credits") + 1]
    assert [line["task"] for line in loop.told()] == done
    assert conn.execute("select * from credits.ledger_checks").fetchall() == []


def _is_pending(pid: int, number: int) -> bool:
    """Whether Linux has yet to deliver it; elsewhere nobody tells."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return False
    masks = re.findall(r"^(?:Shd|Sig)Pnd:\s+(\w+)$", status.read_text(), re.MULTILINE)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def test_a_second_signal_cancels_the_task(
    conn: psycopg.Connection[Any], door: psycopg.Connection[Any], operator: str
) -> None:
    with program(operator, "maintain") as loop:
        loop.until(lambda: waits_at_the_door(conn), "waiting")

        sent_at = 0.0

        def is_cancelled() -> bool:
            # Two that come in quick succession count as one.
            nonlocal sent_at
            if not waits_at_the_door(conn):
                return True
            if time.monotonic() > sent_at + SUCCESSION_SECONDS:
                loop.send()
                sent_at = time.monotonic()
            return False

        until(is_cancelled, "the end of the task")

        assert loop.ended() == 0

    assert "canceling statement due to user request" in loop.complaints[0]
    assert conn.execute("select * from public.done").fetchall() == []


def test_a_lost_connection_is_opened_anew(conn: psycopg.Connection[Any], operator: str) -> None:
    with program(operator, "maintain", "--interval", "1", "--format", "json") as loop:
        loop.until(lambda: has_rounds(loop, 1))
        (lost,) = conn.execute(
            "select pg_terminate_backend(pid, 10000) as done from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgcredits%'"
        ).fetchall()
        assert lost.done
        attempts = stuck(conn)
        loop.until(partial(is_settled, conn, attempts[0]))

        assert loop.end() == 0

    assert_swept_once(conn, attempts)
    assert any(line["task"] is None and line["error"] for line in loop.told())


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--once",), ()])
@pytest.mark.parametrize("role", ["credits_app", "credits_analyst"])
def test_other_roles_are_refused(
    conn: psycopg.Connection[Any], database: Database, role: str, arguments: tuple[str, ...]
) -> None:
    (attempt,) = stuck(conn)

    done = run(as_role(database, role), "maintain", *arguments)

    assert done.returncode == 4
    assert "may not run maintenance" in done.stderr
    assert "grant credits_operator to" in done.stderr
    assert generation(conn, attempt).status == "pending"


def test_without_pgcredits_it_says_so(blank_database: Database) -> None:
    done = run(blank_database.dsn, "maintain", "--once")

    assert done.returncode == 4
    assert "not installed" in done.stderr


@pytest.mark.parametrize("arguments", [("--once",), ()])
def test_the_first_connection_must_succeed_and_no_password_is_printed(
    arguments: tuple[str, ...],
) -> None:
    done = run("postgresql://ann:s3cret@127.0.0.1:1/shop", "maintain", *arguments)

    assert done.returncode == 3
    assert "no connection to the database" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
