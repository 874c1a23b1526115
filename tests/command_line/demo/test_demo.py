"""``pgcredits demo``, as people and scripts run it: a process and a server of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgcredits import deploy
from support.sharing import made_once

USERS = 2
PGCREDITS = Path(sysconfig.get_path("scripts")) / "pgcredits"

#: Every scenario, and how its generations may end. After the status the part of the price that
#: is not given back.
SCENARIOS = {
    "success": {"succeeded": 100},
    "success at once, no callback": {"succeeded": 100},
    "success, reported twice": {"succeeded": 100},
    "success, twice at once": {"succeeded": 100},
    "success before it is attached": {"succeeded": 100},
    "success, then progress": {"succeeded": 100},
    "success, then a failure": {"succeeded": 100},
    "success at half the price": {"succeeded": 50},
    "success above the price": {"succeeded": 100},
    "400 invalid_request": {"failed": 0},
    "402 provider_out_of_credits": {"failed": 0},
    "408 timeout": {"failed": 0},
    "429 rate_limited": {"failed": 0},
    "500 internal_error": {"failed": 0},
    "501 generation_failed": {"failed": 0},
    "503 service_unavailable": {"failed": 0},
    "400 of nanobanana: 50 % back": {"failed": 50},
    "failure, reported twice": {"failed": 0},
    "failure, twice at once": {"failed": 0},
    "failure before it is attached": {"failed": 0},
    "failure, then a success": {"failed": 0},
    "success and failure at once": {"succeeded": 100, "failed": 0},
    "failure, whose refund fails": {"failed": 0},
    "result cannot be stored": {"failed": 0},
    "provider not reached": {"failed": 0},
    "provider creates no task": {"failed": 0},
    "provider answers nonsense": {"failed": 0},
    "never a callback": {"timed_out": 0},
    "callback with an unknown code": {"timed_out": 0},
    "nonsense, then a success": {"succeeded": 100},
    "success after the deadline": {"timed_out": 0},
    "failure after the deadline": {"timed_out": 0},
    "success right at the deadline": {"succeeded": 100, "timed_out": 0},
    "crash while it starts": {"succeeded": 100},
    "crash before the request": {"succeeded": 100},
    "crash for good, unsubmitted": {"timed_out": 0},
    "crash before the attachment": {"succeeded": 100},
    "crash for good, unattached": {"timed_out": 0},
    "crash amid a success callback": {"succeeded": 100},
    "crash amid a failure callback": {"failed": 0},
    "crash after a callback": {"failed": 0},
    "cancelled before submission": {"cancelled": 0},
    "cancelled, but made anyway": {"cancelled": 0},
    "cancelled once submitted": {"cancelled": 100},
    "cancelled, and it fails": {"cancelled": 0, "failed": 0},
    "cancelled, and it succeeds": {"cancelled": 100, "succeeded": 100},
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PGCREDITS, "demo", "--users", str(USERS), *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def require_success(done: subprocess.CompletedProcess[str]) -> None:
    """Require exit status 0; the failure shows all of stderr, which pytest would cut."""
    assert done.returncode == 0, f"exit status {done.returncode}:\n{done.stderr}"
    assert not done.stderr, done.stderr


class Ended(NamedTuple):
    """What a demo has printed."""

    output: str
    progress: str


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """A demo that takes its output for a terminal."""

    def play() -> str:
        done = run("--format", "json", FORCE_COLOR="1")
        assert done.returncode == 0, done.stderr
        return json.dumps([done.stdout, done.stderr])

    return Ended(*json.loads(made_once(tmp_path_factory, "demo", play)))


@pytest.fixture(scope="module")
def told(ended: Ended) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ended.output)
    return answer


def test_every_scenario_ends_as_it_should(told: dict[str, Any]) -> None:
    assert [row["scenario"] for row in told["scenarios"]] == list(SCENARIOS)
    for row in told["scenarios"]:
        ends = SCENARIOS[row["scenario"]]
        assert row["net_is_right"] is True, row
        assert set(row["ended_as"]) <= set(ends), row
        assert sum(row["ended_as"].values()) == row["generations"] == USERS, row
        assert row["net"] == row["charged"] - row["refunded"], row
        shares = {ends[status] for status in row["ended_as"]}
        if shares == {100}:
            assert row["net"] == row["charged"] > 0, row
        elif shares == {0}:
            assert row["net"] == 0 < row["charged"], row
        else:
            assert 0 <= row["net"] <= row["charged"], row
        if shares == {50}:
            # Part credits are the user's.
            assert row["charged"] - USERS <= 2 * row["net"] <= row["charged"], row


def test_the_totals_are_those_of_the_ledger(told: dict[str, Any]) -> None:
    totals, ada = told["totals"], told["ledger_of_one_user"]["rows"]
    accounts = totals["trial_balance"]

    assert (totals["violations"], totals["wrong"], told["wrong"]) == (0, 0, [])
    assert totals["users"] == USERS + 1
    assert totals["generations"] == USERS * len(SCENARIOS)
    for column in ("generations", "charged", "refunded", "net"):
        assert totals[column] == sum(row[column] for row in told["scenarios"])
    assert sum(accounts.values()) == 0
    her_use = -sum(
        row["credits"] for row in ada if row["transaction_type"] in ("deduction", "refund")
    )
    assert accounts["used"] == totals["net"] + her_use


def test_the_alerts_are_those_that_the_scenarios_call_for(told: dict[str, Any]) -> None:
    alerts = {row["type"]: (row["open"], row["resolved"]) for row in told["alerts"]}

    assert alerts.pop("refund_failed") == (0, USERS)
    assert alerts.pop("price_above_charge") == (USERS, 0)
    assert alerts.pop("callback_unclassified") == (2 * USERS, 0)
    # And perhaps by one of those who come at the same moment.
    for type_, least in (("conflicting_failure", USERS), ("late_success_after_refund", 3 * USERS)):
        opened, resolved = alerts.pop(type_)
        assert opened >= least
        assert resolved == 0
    assert alerts == {}


def test_it_ends_with_the_report_on_a_month_that_proves_itself(told: dict[str, Any]) -> None:
    month = told["month"]

    assert month["violations"] == 0
    assert 1_500 <= month["generations"] <= 3_000
    assert month["ledger_rows"] > month["generations"]
    # The page outlives the server.
    page = Path(month["report"]).read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg ") == 14


def test_a_report_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("mine")

    done = run("--report", str(page))

    assert done.returncode == 22
    assert "--report" in done.stderr
    assert page.read_text() == "mine"


def test_some_calls_are_replays(told: dict[str, Any]) -> None:
    throughput = told["throughput"]

    assert 0 < throughput["replays"] < throughput["calls"]
    assert throughput["calls"] > 3 * told["totals"]["generations"]


def test_the_printed_ledger_shows_every_way_in_which_credits_move(told: dict[str, Any]) -> None:
    rows = told["ledger_of_one_user"]["rows"]

    assert {row["transaction_type"] for row in rows} == {
        "grant",
        "deduction",
        "refund",
        "expiry",
        "revocation",
    }
    assert {row["source"] for row in rows} == {
        None,
        "allowance",
        "promo",
        "purchase",
        "rollover",
    }
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 80])
def test_it_prints_tables_that_fit_without_a_terminal(columns: int) -> None:
    done = run(COLUMNS=str(columns), PYTHONIOENCODING="ascii")

    require_success(done)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for title in ("The ledger of one user", "Generations", "Alerts", "Trial balance"):
        assert title in [line.strip() for line in lines]
    text = " ".join(done.stdout.split())
    assert "verify_ledger: 0 violations in " in text
    assert f"net prices: right for each of {USERS * len(SCENARIOS)} generations" in text
    if columns == 80:
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        verdicts = {row[0]: row[-1] for row in cells if len(row) == 6 and row[0] in SCENARIOS}
        assert verdicts == dict.fromkeys(SCENARIOS, "yes")


def test_on_a_terminal_it_shows_how_far_it_is(ended: Ended) -> None:
    assert json.loads(ended.output)["users"] == USERS
    for scene in ("pgcredits migrate", f"{len(SCENARIOS)} scenarios", "verify_ledger"):
        assert scene in ended.progress


def test_keep_leaves_the_server_until_ctrl_c() -> None:
    with subprocess.Popen(
        [PGCREDITS, "demo", "--users", "1", "--keep", "--format", "json"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        try:
            assert child.stdout is not None
            lines: list[str] = []
            while not lines or lines[-1] != "}\n":
                lines.append(child.stdout.readline())
                assert lines[-1], "it ended early"
            story = json.loads("".join(lines))
            dsn = story["server"]["dsn"]

            with psycopg.connect(dsn) as conn:
                rows = conn.execute("select from credits.credit_transactions").rowcount
                assert rows == story["totals"]["ledger_rows"]
                assert conn.execute("select from credits.verify_ledger()").rowcount == 0
            # The clock that was replaced is the one that was deployed.
            assert deploy.check(dsn).findings == ()
            assert dsn in story["server"]["psql"].replace("'", "")

            os.killpg(child.pid, signal.SIGINT)
            assert child.wait(timeout=60) == 0
        finally:
            child.kill()
    assert not Path(str(conninfo_to_dict(dsn)["host"])).exists()


@pytest.mark.parametrize("arguments", [["--users", "0"], ["--users", "x"], ["--format", "xml"]])
def test_what_makes_no_sense_is_refused_before_anything_starts(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert "Usage" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_postgresql_it_says_where_to_get_one() -> None:
    done = run(PGCREDITS_PG_BINDIR="/nonexistent")

    assert done.returncode == 6
    assert done.stderr.startswith("error: ")
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
