"""``pgcredits alerts``: list, acknowledge and resolve alerts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from command_line.alert_relay.events import PLATFORM, raise_alert, resolve
from command_line.maintain_loop.running_command import PGCREDITS, as_role, environment, run
from support.api import new_user, value

if TYPE_CHECKING:
    import psycopg

    from support.databases import Database


@pytest.fixture
def analyst(database: Database) -> str:
    return as_role(database, "credits_analyst")


@pytest.fixture
def operator(database: Database) -> str:
    return as_role(database, "credits_operator")


def listed(dsn: str, *options: str) -> list[dict[str, Any]]:
    done = run(dsn, "alerts", "--format", "json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def on_a_terminal(dsn: str, *arguments: str, columns: int) -> str:
    """What the command prints where its output is a terminal, without colours."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [PGCREDITS, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        env=environment(dsn, COLUMNS=str(columns), TERM="xterm", NO_COLOR="1"),
    )
    os.close(theirs)
    printed = b""
    with suppress(OSError):  # of a terminal that nobody has open any more
        while piece := os.read(ours, 65536):
            printed += piece
    os.close(ours)
    assert process.wait(60) == 0, printed
    # Bold is no colour.
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.decode().replace("\r\n", "\n"))


def test_the_open_ones_are_listed_the_most_urgent_first(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    for kind, level in (("a", "info"), ("b", "critical"), ("c", "warning"), ("d", "critical")):
        raise_alert(conn, kind, p_level=level)
    resolve(conn, raise_alert(conn, "over"))
    old = raise_alert(conn, "old")
    resolve(conn, old)
    conn.execute(
        "update credits.system_alerts set resolved_at = now() - interval '8 days'"
        " where alert_id = %s",
        (old,),
    )

    assert [alert["type"] for alert in listed(analyst)] == ["d", "b", "c", "a"]
    assert [alert["type"] for alert in listed(analyst, "--all")] == ["d", "b", "c", "a", "over"]
    assert [alert["type"] for alert in listed(analyst, "--min-level", "warning")] == ["d", "b", "c"]
    assert [alert["type"] for alert in listed(analyst, "--type", "a", "--type", "b")] == ["b", "a"]


def test_people_see_texts_as_they_are(conn: psycopg.Connection[Any], analyst: str) -> None:
    user = new_user()
    for _ in range(3):
        raise_alert(
            conn,
            "disk_full",
            p_message="[red]a\x1b[31m\nb[/]",
            p_user_id=user,
            p_provider="nanobanana",
            p_level="error",
        )

    shown = on_a_terminal(analyst, "alerts", columns=40)

    assert "[red]a\\x1b[31m\\nb[/]" in shown
    for piece in ("error", "disk_full", "nanobanana", "3 times"):
        assert piece in shown
    assert not set("\x07\x08\x9b") & set(shown)


@pytest.mark.parametrize("columns", [20, 80, 140])
def test_on_a_terminal_every_id_is_in_one_piece(
    conn: psycopg.Connection[Any], analyst: str, columns: int
) -> None:
    user, generation = new_user(), new_user()
    alert_id = raise_alert(
        conn, "stuck", p_message="long " * 60, p_user_id=user, p_generation_id=generation
    )

    shown = on_a_terminal(analyst, "alerts", columns=columns).splitlines()

    assert {f"  alert {alert_id}", f"  user {user}", f"  generation {generation}"} <= set(shown)


def test_in_a_pipe_each_alert_is_a_line_with_tabs(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    user = new_user()
    mine = raise_alert(conn, "mine", p_message="a\tb\nc", p_user_id=user, p_level="critical")
    other = raise_alert(conn, "other", p_provider="nanobanana")

    done = run(analyst, "alerts", COLUMNS="20")

    first, second = (line.split("\t") for line in done.stdout.splitlines())
    assert first[:6] == ["critical", "mine", str(mine), str(user), "", ""]
    assert second[:6] == ["warning", "other", str(other), str(PLATFORM), "", "nanobanana"]
    assert (len(first), len(second)) == (14, 14)
    assert (first[-2], second[-2]) == ("a\\tb\\nc", "other happened")


def test_a_registered_user_is_listed_with_their_own_id(
    conn: psycopg.Connection[Any], analyst: str
) -> None:
    user = value(conn, "register_user", "user_2abC")
    raise_alert(conn, "mine", p_user_id=user)

    shown = on_a_terminal(analyst, "alerts", columns=80).splitlines()
    piped = run(analyst, "alerts").stdout.rstrip("\n").split("\t")
    (told,) = listed(analyst)

    assert {f"  user {user}", "  external id user_2abC"} <= set(shown)
    assert piped[-1] == told["external_user_id"] == "user_2abC"


def test_without_alerts_it_says_so_beside_the_output(analyst: str) -> None:
    done = run(analyst, "alerts")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no open alerts\n")
    assert listed(analyst) == []


def test_an_operator_takes_one_on_and_deals_with_it(
    conn: psycopg.Connection[Any], operator: str
) -> None:
    user = new_user()
    mine = raise_alert(conn, "mine", p_user_id=user)
    other = raise_alert(conn, "other")

    done = run(operator, "alerts", "acknowledge", str(mine), "--by", "Ada")
    again = run(operator, "alerts", "acknowledge", str(mine), "--by", "Bob")

    assert (done.returncode, done.stdout) == (0, "mine is acknowledged by Ada\n")
    assert (again.returncode, again.stdout) == (0, "mine is acknowledged by Ada\n")
    assert {a["alert_id"]: a["acknowledged_by"] for a in listed(operator)} == {
        str(mine): "Ada",
        str(other): None,
    }

    done = run(operator, "alerts", "resolve", str(mine), "--by", "Bob", "--note", "more disk")

    assert (done.returncode, done.stdout) == (0, "mine is resolved by Bob\n")
    assert [
        (a.user_id, a.resolved_by, a.metadata)
        for a in conn.execute("select * from credits.system_alerts order by alert_id")
    ] == [(user, "Bob", {"note": "more disk"}), (PLATFORM, None, {})]


@pytest.mark.parametrize("command", ["acknowledge", "resolve"])
def test_what_is_not_there_or_not_allowed_is_refused(
    conn: psycopg.Connection[Any], operator: str, analyst: str, command: str
) -> None:
    alert_id = str(raise_alert(conn, "a"))

    unknown = run(operator, "alerts", command, str(PLATFORM), "--by", "Ada")
    nobody = run(operator, "alerts", command, alert_id, "--by", " ")
    not_allowed = run(analyst, "alerts", command, alert_id, "--by", "Ada")

    assert [done.returncode for done in (unknown, nobody, not_allowed)] == [21, 21, 21]
    assert f"there is no alert {PLATFORM}" in unknown.stderr
    assert "hint: Say who" in nobody.stderr
    assert "grant credits_operator to" in not_allowed.stderr
    assert [(a["acknowledged_by"], a["resolved_by"]) for a in listed(operator)] == [(None, None)]


@pytest.mark.parametrize(
    "options",
    [
        ("--state", "x"),
        ("--slack",),
        ("--command", "true"),
        ("follow", "--all"),
        ("follow", "--slack"),
        ("follow", "--webhook-header", "X-Key: 1"),
        ("follow", "--command", "true", "--webhook", "http://127.0.0.1:1/"),
        ("--min-level", "error", "follow"),
        ("--follow", "--all"),
        ("--follow", "--slack"),
        ("--follow", "--command", "true", "--webhook", "http://127.0.0.1:1/"),
        ("--min-level", "loud"),
        ("acknowledge", "no-id", "--by", "Ada"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage(analyst: str, options: tuple[str, ...]) -> None:
    assert run(analyst, "alerts", *options).returncode == 2
