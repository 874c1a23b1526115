"""``pgcredits alerts follow``: every event of an alert is passed on, whatever happens."""

from __future__ import annotations

import json
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import make_conninfo

from command_line.alert_relay.events import (
    FOLLOW,
    NEVER,
    OFTEN,
    PLATFORM,
    heard,
    hears,
    raise_alert,
    resolve,
)
from command_line.alert_relay.receiver import HANG_UP, Answer, receiving
from command_line.maintain_loop.running_command import as_role, program, run, until
from pgcredits.alerts import Bookmark, Follower
from pgcredits.long_running import Stop
from support.api import call, new_user, value

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from command_line.maintain_loop.running_command import Program
    from pgcredits.alerts import Event
    from support.databases import Database


@pytest.fixture
def analyst(database: Database) -> str:
    return as_role(database, "credits_analyst")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def kept(state: Path) -> Any:
    return json.loads(state.read_text()) if state.exists() else {"has_begun": False, "told": {}}


def is_listening(conn: psycopg.Connection[Any]) -> bool:
    """A follower waits: its last statement was the end of a round."""
    return bool(
        conn.execute(
            "select from pg_stat_activity where datname = current_database()"
            " and application_name = 'pgcredits' and state = 'idle' and query = 'COMMIT'"
        ).fetchall()
    )


# --- events that are passed on --------------------------------------------------------------------


def test_a_notification_is_enough(conn: psycopg.Connection[Any], analyst: str) -> None:
    with program(analyst, *FOLLOW, *NEVER) as follower:
        follower.until(lambda: is_listening(conn), "listening")
        alert_id = raise_alert(conn, "disk_full", p_level="warning")
        hears(follower, ("opened", "disk_full"))
        raise_alert(conn, "disk_full", p_level="critical")
        hears(follower, ("opened", "disk_full"), ("escalated", "disk_full"))
        resolve(conn, alert_id)
        hears(
            follower, ("opened", "disk_full"), ("escalated", "disk_full"), ("resolved", "disk_full")
        )

        assert follower.end() == 0
        assert follower.complaints == []
    assert [line["level"] for line in follower.told()] == ["warning", "critical", "critical"]
    assert len({line["key"] for line in follower.told()}) == 3


def test_a_flood_of_notifications_makes_it_look_no_more_than_twice_a_second(
    conn: psycopg.Connection[Any], database: Database, analyst: str, stranger: str
) -> None:
    told: list[str] = []
    rounds = 0

    class Sink:
        def deliver(self, event: Event) -> None:
            told.append(event.alert.type)

    def keep(_: Bookmark) -> None:
        nonlocal rounds
        rounds += 1

    stop = Stop()
    follower = Follower(
        analyst, Sink(), bookmark=Bookmark(), keep=keep, stop=stop, tell=print, every=3600
    )
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(follower.run)
        until(lambda: rounds > 0 and is_listening(conn), "listening")
        before, began = rounds, time.monotonic()
        hostile = database.connect(role=stranger)
        while time.monotonic() < began + 1:
            hostile.execute("notify credits_alerts, 'nothing of ours'")
        raise_alert(conn, "disk_full")
        until(lambda: told == ["disk_full"], "told")
        # Each round keeps the bookmark once, and once more for each event.
        looked, seconds = rounds - before - len(told), time.monotonic() - began
        stop.set()
        running.result()
    assert looked <= 2 + seconds / 0.5


def test_without_notifications_it_looks(conn: psycopg.Connection[Any], analyst: str) -> None:
    conn.execute("update credits.settings set notify_alerts = false")
    conn.execute("insert into credits.alert_rules (type, level, renotify_after, description)"
                 " values ('disk_full', 'warning', '1 microsecond', 'for this test')")  # fmt: skip
    with program(analyst, *FOLLOW, *OFTEN) as follower:
        follower.until(lambda: is_listening(conn), "listening")
        alert_id = raise_alert(conn, "disk_full")
        hears(follower, ("opened", "disk_full"))
        raise_alert(conn, "disk_full")
        hears(follower, ("opened", "disk_full"), ("due_again", "disk_full"))
        resolve(conn, alert_id)
        hears(
            follower, ("opened", "disk_full"), ("due_again", "disk_full"), ("resolved", "disk_full")
        )


def test_an_event_has_all_that_the_row_has(conn: psycopg.Connection[Any], analyst: str) -> None:
    user = new_user()
    generation = new_user()
    alert_id = raise_alert(
        conn,
        "disk_full",
        p_message='a "message"\nwith lines',
        p_user_id=user,
        p_dedup_key="k",
        p_generation_id=generation,
        p_provider="nanobanana",
    )
    (at,) = conn.execute(
        "select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') as at"
        " from credits.system_alerts"
    ).fetchall()

    with program(analyst, *FOLLOW) as follower:
        follower.until(lambda: follower.lines)

    assert follower.told() == [
        {
            "v": 1,
            "event": "opened",
            "at": at.at,
            "key": f"{alert_id}:opened:{at.at}",
            "user_id": str(user),
            "alert_id": str(alert_id),
            "type": "disk_full",
            "level": "warning",
            "message": 'a "message"\nwith lines',
            "dedup_key": "k",
            "generation_id": str(generation),
            "provider": "nanobanana",
            "occurrences": 1,
            "created_at": at.at,
            "first_seen_at": at.at,
            "last_seen_at": at.at,
            "notified_at": at.at,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "resolved_at": None,
            "resolved_by": None,
            "external_user_id": None,
        }
    ]


def test_a_registered_user_is_named_as_the_application_does(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    user = value(conn, "register_user", "user_2abC")
    raise_alert(conn, "disk_full", p_user_id=user, p_provider="kling")

    with program(analyst, *FOLLOW) as follower:
        follower.until(lambda: follower.lines)
        (told,) = follower.told()
    with program(analyst, "alerts", "follow") as follower:
        follower.until(lambda: follower.lines)
        (line,) = follower.lines

    assert (told["user_id"], told["external_user_id"]) == (str(user), "user_2abC")
    assert f"disk_full (kling, user {user}, external id user_2abC): " in line


def test_people_get_a_line_whatever_the_message_is(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    raise_alert(conn, "disk_full", p_message="[red]a\x1b[31m\nb\u202e", p_provider="p")

    with program(analyst, "alerts", "follow") as follower:
        follower.until(lambda: follower.lines)

    (line,) = follower.lines
    assert line.endswith("Z opened warning disk_full (p): [red]a\\x1b[31m\\nb\\u202e")


def test_the_spelling_of_0_1_0_still_works_and_names_the_new_one(
    conn: psycopg.Connection[Any], analyst: str, tmp_path: Path
) -> None:
    raise_alert(conn, "loud", p_level="critical")
    raise_alert(conn, "quiet")
    state = tmp_path / "state"
    options = ("--min-level", "error", "--state", str(state), "--format", "json")

    with program(analyst, "alerts", *options[:2], "--follow", *options[2:]) as follower:
        hears(follower, ("opened", "loud"))

    (complaint,) = follower.complaints
    assert "pgcredits alerts follow" in complaint
    assert state.exists()


def test_it_begins_with_what_is_open(conn: psycopg.Connection[Any], analyst: str) -> None:
    resolve(conn, raise_alert(conn, "over"))
    raise_alert(conn, "open")

    with program(analyst, *FOLLOW, *OFTEN) as follower:
        follower.until(lambda: follower.lines)
        resolve(conn, raise_alert(conn, "later"))
        hears(follower, ("opened", "open"), ("opened", "later"), ("resolved", "later"))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--min-level", "error"), ["b", "c"]),
        (("--type", "a", "--type", "c"), ["a", "c"]),
        (("--type", "a", "--min-level", "error"), []),
    ],
)
def test_only_what_is_wanted_is_told(
    conn: psycopg.Connection[Any], analyst: str, state: Path, options: Any, expected: list[str]
) -> None:
    for kind, level in (("a", "info"), ("b", "error"), ("c", "critical")):
        raise_alert(conn, kind, p_level=level)

    with program(analyst, *FOLLOW, "--state", str(state), *options) as follower:
        follower.until(lambda: kept(state)["has_begun"])
        assert follower.end() == 0

    assert [kind for _, kind in heard(follower)] == expected


# --- what happens meanwhile -----------------------------------------------------------------------


def test_what_is_committed_late_is_not_missed(
    conn: psycopg.Connection[Any], database: Database, analyst: str, state: Path
) -> None:
    """A transaction takes its times long before it commits; others overtake it."""
    early = database.connect(autocommit=False)
    with program(analyst, *FOLLOW, *OFTEN, "--state", str(state)) as follower:
        follower.until(lambda: kept(state)["has_begun"])
        raise_alert(conn, "first")
        follower.until(lambda: kept(state).get("since"), "the end of a round")
        # Opened and resolved before anybody sees it.
        late = raise_alert(early, "late")
        resolve(early, late)
        for n in range(3):
            with conn.transaction():
                other = raise_alert(conn, f"other {n}")
                conn.execute(
                    "update credits.system_alerts set created_at = created_at + interval '1 hour',"
                    " notified_at = notified_at + interval '1 hour' where alert_id = %s",
                    (other,),
                )
            follower.until(partial(has_lines, follower, 2 + n))
        pending = follower.until(lambda: kept(state)["pending"])
        # Rounds go by, one for each: with what they read, and without the late one.
        for n in range(3):
            raise_alert(conn, f"another {n}")
            follower.until(partial(has_lines, follower, 5 + n))
        assert kept(state)["pending"] == pending
        early.commit()
        follower.until(partial(has_lines, follower, 9), "the late one")
        assert heard(follower)[-2:] == [("opened", "late"), ("resolved", "late")]
        # Then the window moves on.
        follower.until(lambda: kept(state)["since"] >= pending[0], "moving on")


def has_lines(follower: Program, n: int) -> bool:
    return len(follower.lines) >= n


def test_a_lost_connection_is_opened_anew(conn: psycopg.Connection[Any], analyst: str) -> None:
    with program(analyst, *FOLLOW, *NEVER) as follower:
        follower.until(lambda: is_listening(conn), "listening")
        conn.execute("update credits.settings set notify_alerts = false")
        raise_alert(conn, "unheard")
        conn.execute("update credits.settings set notify_alerts = true")
        conn.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where datname = current_database() and application_name = 'pgcredits'"
        )
        hears(follower, ("opened", "unheard"))
        follower.until(lambda: is_listening(conn), "listening")
        raise_alert(conn, "heard")
        hears(follower, ("opened", "unheard"), ("opened", "heard"))
        assert follower.end() == 0
    assert any("no connection" in line for line in follower.complaints)


def test_alerts_that_cannot_be_read_for_a_while_are_told_later(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    with program(analyst, *FOLLOW, *OFTEN) as follower:
        follower.until(lambda: is_listening(conn), "listening")
        conn.execute("revoke select on credits_monitoring.alert_history from credits_analyst")
        follower.until(lambda: follower.complaints)
        raise_alert(conn, "first")
        conn.execute("grant select on credits_monitoring.alert_history to credits_analyst")
        hears(follower, ("opened", "first"))
        assert follower.end() == 0
    assert follower.complaints[0].startswith("the alerts could not be read: permission denied")


def test_a_restart_tells_what_came_meanwhile_and_nothing_twice(
    conn: psycopg.Connection[Any], analyst: str, state: Path
) -> None:
    options = (*FOLLOW, *OFTEN, "--state", str(state))
    first = raise_alert(conn, "first", p_level="warning")
    info = raise_alert(conn, "info", p_level="info")
    with program(analyst, *options) as follower:
        hears(follower, ("opened", "first"), ("opened", "info"))
        assert follower.end() == 0
    before = kept(state)

    resolve(conn, first)
    resolve(conn, raise_alert(conn, "between"))
    raise_alert(conn, "info", p_level="error")
    with program(analyst, *options) as follower:
        hears(
            follower,
            ("resolved", "first"),
            ("opened", "between"),
            ("resolved", "between"),
            ("escalated", "info"),
        )
        assert follower.end() == 0
    assert str(info) in before["told"]

    with program(analyst, *options) as follower:
        raise_alert(conn, "last")
        hears(follower, ("opened", "last"))


def test_killed_between_delivery_and_writing_it_down_it_delivers_again(
    conn: psycopg.Connection[Any], analyst: str, state: Path, tmp_path: Path
) -> None:
    received = tmp_path / "received"
    # Keeps the event, then kills the follower that delivered it: the second time.
    script = tmp_path / "deliver.py"
    script.write_text(
        "import os, pathlib, sys\n"
        f"received = pathlib.Path({str(received)!r})\n"
        "with received.open('a') as file: file.write(sys.stdin.read())\n"
        "is_second = len(received.read_text().splitlines()) == 2\n"
        f"if is_second: os.kill(os.getppid(), {int(signal.SIGKILL)})\n"
    )
    command = f"{sys.executable} {script}"
    options = ("alerts", "follow", *OFTEN, "--state", str(state), "--command", command)
    raise_alert(conn, "first")
    raise_alert(conn, "second")
    raise_alert(conn, "third")

    def events() -> list[tuple[str, str]]:
        lines = received.read_text().splitlines() if received.exists() else []
        return [(json.loads(line)["key"], json.loads(line)["type"]) for line in lines]

    with program(analyst, *options) as follower:
        assert follower.ended() == -signal.SIGKILL
    assert [kind for _, kind in events()] == ["first", "second"]
    with program(analyst, *options) as follower:
        follower.until(lambda: len(events()) >= 4)
        assert follower.end() == 0

    assert [kind for _, kind in events()] == ["first", "second", "second", "third"]
    assert len({key for key, _ in events()}) == 3


def test_two_followers_get_everything(
    conn: psycopg.Connection[Any], analyst: str, tmp_path: Path
) -> None:
    with (
        program(analyst, *FOLLOW, *OFTEN, "--state", str(tmp_path / "one")) as one,
        program(analyst, *FOLLOW, *OFTEN, "--state", str(tmp_path / "two")) as two,
    ):
        for kind in "abc":
            raise_alert(conn, kind)
        for each in (one, two):
            hears(each, ("opened", "a"), ("opened", "b"), ("opened", "c"))


def test_it_ends_at_once_while_it_tries_again(
    conn: psycopg.Connection[Any], analyst: str, state: Path
) -> None:
    raise_alert(conn, "first")
    with program(analyst, *FOLLOW, "--state", str(state), "--command", "false") as follower:
        follower.until(lambda: follower.complaints)
        assert follower.end(signal.SIGINT) == 0

    assert "exit status 1" in follower.complaints[0]
    assert kept(state)["told"] == {}


# --- the command ----------------------------------------------------------------------------------


def test_a_command_is_run_until_it_succeeds_and_without_a_shell(
    conn: psycopg.Connection[Any], analyst: str, tmp_path: Path
) -> None:
    kept_in = tmp_path / "kept"
    script = tmp_path / "deliver.py"
    script.write_text(
        "import pathlib, sys\n"
        "kept = pathlib.Path(sys.argv[1])\n"
        "with kept.open('a') as file: file.write(sys.argv[2] + sys.stdin.read())\n"
        "sys.exit(len(kept.read_text().splitlines()) < 2)\n"
    )
    raise_alert(conn, "first")

    with program(
        analyst, "alerts", "follow", "--command", f"{sys.executable} {script} {kept_in} '$HOME;'"
    ) as follower:
        until(lambda: kept_in.exists() and len(kept_in.read_text().splitlines()) == 2)
        assert follower.end() == 0

    one, two = kept_in.read_text().splitlines()
    assert one == two
    assert one.startswith('$HOME;{"v": 1, "event": "opened"')


@pytest.mark.parametrize("command", ["no-such-program x", "'", " "])
def test_a_command_that_cannot_be_run_is_refused_at_once(analyst: str, command: str) -> None:
    done = run(analyst, "alerts", "follow", "--command", command)

    assert done.returncode == 21
    assert "--command cannot be run" in done.stderr


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"v": 2}', "\x00", '{"v": 1, "told": 3}'])
def test_a_state_that_is_none_is_refused_and_left_alone(
    analyst: str, state: Path, content: str
) -> None:
    state.write_text(content)

    done = run(analyst, "alerts", "follow", "--state", str(state))

    assert done.returncode == 21
    assert "is not a state of pgcredits alerts" in done.stderr
    assert state.read_text() == content


def test_a_state_that_cannot_be_kept_ends_it(
    conn: psycopg.Connection[Any], analyst: str, tmp_path: Path
) -> None:
    raise_alert(conn, "first")

    done = run(analyst, "alerts", "follow", "--state", str(tmp_path / "missing" / "state"))

    assert done.returncode == 21
    assert "cannot be written" in done.stderr


def test_the_state_is_replaced_whole(
    conn: psycopg.Connection[Any], analyst: str, state: Path
) -> None:
    raise_alert(conn, "first")
    target = state.with_name("target")
    state.symlink_to(target)

    with program(analyst, *FOLLOW, *OFTEN, "--state", str(state)) as follower:
        follower.until(lambda: kept(state)["told"])
        assert follower.end() == 0

    assert state.is_symlink()
    assert sorted(p.name for p in state.parent.iterdir()) == ["state.json", "target"]


def test_an_app_may_not_read_alerts_and_the_first_connection_must_succeed(
    database: Database, blank_database: Database
) -> None:
    app = run(as_role(database, "credits_app"), "alerts", "follow")
    blank = run(blank_database.dsn, "alerts", "follow")
    nowhere = run("postgresql://ann:s3cret@127.0.0.1:1/shop", "alerts", "follow")

    assert (app.returncode, blank.returncode, nowhere.returncode) == (4, 4, 3)
    assert "grant credits_analyst to" in app.stderr
    assert "s3cret" not in nowhere.stderr


def test_on_a_server_that_only_reads_it_looks(conn: psycopg.Connection[Any], analyst: str) -> None:
    """The sessions are read-only as on a replica, but these may listen."""
    dsn = make_conninfo(
        analyst, options="-c role=credits_analyst -c default_transaction_read_only=on"
    )
    raise_alert(conn, "first")
    with program(dsn, *FOLLOW, *OFTEN) as follower:
        hears(follower, ("opened", "first"))


def test_a_webhook_and_a_state_together_miss_nothing_either(
    conn: psycopg.Connection[Any], analyst: str, state: Path
) -> None:
    options = ("alerts", "follow", *OFTEN, "--state", str(state))
    alert_id = raise_alert(conn, "first")
    with receiving() as receiver:
        for _ in range(2):
            with program(analyst, *options, PGCREDITS_WEBHOOK=receiver.url) as follower:
                follower.until(lambda: kept(state)["told"] and is_listening(conn))
                assert follower.end() == 0
        call(conn, "resolve_alert", PLATFORM, alert_id, "Ada")
        with program(analyst, *options, PGCREDITS_WEBHOOK=receiver.url) as follower:
            follower.until(lambda: len(receiver.requests) == 2)

    assert receiver.events() == [("opened", "first"), ("resolved", "first")]


# --- a webhook ------------------------------------------------------------------------------------


def test_a_webhook_that_fails_gets_everything_in_order(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    for kind in "abc":
        raise_alert(conn, kind)

    with (
        receiving(Answer(503), Answer(HANG_UP), Answer(), Answer(400)) as receiver,
        program(analyst, "alerts", "follow", "--webhook", receiver.url) as follower,
    ):
        follower.until(lambda: len(receiver.requests) == 5)
        assert follower.end() == 0

    assert [kind for _, kind in receiver.events()] == ["a", "a", "a", "b", "c"]
    assert len({r.headers["Idempotency-Key"] for r in receiver.requests}) == 3
    said = "\n".join(follower.complaints)
    assert "is left out" in said
    assert "s3cret" not in said
    assert "t0ken" not in said


def test_the_secret_and_the_header_come_from_the_environment(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    raise_alert(conn, "a")
    environment = {
        "PGCREDITS_WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "PGCREDITS_WEBHOOK_HEADER": "Authorization: Bearer s3cret-t0ken",
    }

    with receiving(*[Answer(404, body=b"s3cret-t0ken")] * 2) as receiver:
        environment["PGCREDITS_WEBHOOK"] = receiver.url
        done = run(analyst, "alerts", "follow", **environment)
        wrong = run(
            analyst, "alerts", "follow", **environment | {"PGCREDITS_WEBHOOK_SECRET": "s3cret"}
        )

    (request,) = receiver.requests
    assert request.headers["webhook-signature"].startswith("v1,")
    assert request.headers["Authorization"] == "Bearer s3cret-t0ken"
    assert (done.returncode, wrong.returncode) == (21, 21)
    assert "PGCREDITS_WEBHOOK_SECRET is not a secret" in wrong.stderr
    assert "s3cret" not in done.stdout + done.stderr + wrong.stdout + wrong.stderr


def test_a_wrong_address_ends_it_and_nothing_is_lost(
    conn: psycopg.Connection[Any], analyst: str, state: Path
) -> None:
    raise_alert(conn, "a")
    options = ("alerts", "follow", "--slack", "--state", str(state))

    with receiving(Answer(404)) as receiver:
        done = run(analyst, *options, PGCREDITS_WEBHOOK=receiver.url)
        assert done.returncode == 21
        assert "answered 404" in done.stderr
        assert "s3cret" not in done.stdout + done.stderr
        with program(analyst, *options, PGCREDITS_WEBHOOK=receiver.url) as follower:
            follower.until(lambda: len(receiver.requests) == 2)

    assert [r.body["text"] for r in receiver.requests] == ["warning: a"] * 2
