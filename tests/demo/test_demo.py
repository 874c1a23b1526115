"""``pgcredits demo``, as people and scripts run it: a process and a server of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sysconfig
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from pgcredits import deploy

USERS = 20
SEED = 7
PGCREDITS = Path(sysconfig.get_path("scripts")) / "pgcredits"

# Money functions, sweeps, and what was tried with plain statements.
EVERY_CALL = {
    "apply_monthly_allowances",
    "deduct_user_credits",
    "expire_user_credits",
    "freeze_user_credits",
    "get_user_credits",
    "get_user_transactions",
    "grant_user_credits",
    "refund_user_credits",
    "revoke_user_credits",
    "set_user_plan",
    "unfreeze_user_credits",
    "update credit_transactions",
    "update user_credits",
}
EVERY_REFUSAL = {
    ("23001", "append_only"),
    ("42501", ""),
    ("PT402", "insufficient_credits"),
    ("PT403", "account_frozen"),
    ("PT404", "plan_not_found"),
    ("PT404", "transaction_not_found"),
    ("PT409", "idempotency_conflict"),
    ("PT409", "not_refundable"),
    ("PT409", "over_refund"),
    ("PT422", "invalid_argument"),
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


def tell(seed: int = SEED) -> dict[str, Any]:
    done = run("--seed", str(seed), "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def not_at_the_end_of_a_month() -> None:
    """Two runs can only be compared within a month: at its end allowances expire in between."""
    deadline = time.monotonic() + 150
    while time.strftime("%m", time.gmtime()) != time.strftime("%m", time.gmtime(time.time() + 120)):
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    not_at_the_end_of_a_month()
    return tell()


def test_the_same_seed_gives_the_same_totals_and_another_one_others(story: dict[str, Any]) -> None:
    again, other = tell(), tell(SEED + 1)

    assert again["totals"] == story["totals"]
    assert other["totals"] != story["totals"]
    assert again["ledger_of_one_user"]["user_id"] != story["ledger_of_one_user"]["user_id"]


def test_the_ledger_proves_itself_and_all_accounts_sum_to_zero(story: dict[str, Any]) -> None:
    totals = story["totals"]

    assert totals["violations"] == 0
    assert totals["users"] == USERS
    assert sum(totals["trial_balance"].values()) == 0


def test_accounts_agree_with_what_the_calls_answered(story: dict[str, Any]) -> None:
    totals, moved = story["totals"], Counter[str]()
    for function, counts in story["totals"]["calls"].items():
        moved[function] = counts["credits"]
    accounts = totals["trial_balance"]

    assert accounts["used"] == -moved["deduct_user_credits"] - moved["refund_user_credits"]
    outstanding = sum(plan["outstanding_credits"] for plan in totals["balances_by_plan"])
    assert accounts["wallet"] == outstanding
    # The rest of what was issued was rolled over.
    granted = moved["grant_user_credits"] + moved["apply_monthly_allowances"]
    assert -accounts["issued"] > granted > 0
    assert accounts["expired"] == -moved["expire_user_credits"] > 0


def test_thousands_of_calls_are_new_replayed_and_refused() -> None:
    done = run("--format", "json", "--users", "120")
    story = json.loads(done.stdout)
    calls = story["totals"]["calls"]

    assert story["throughput"]["calls"] == sum(
        count["new"] + count["replayed"] + count["refused"] for count in calls.values()
    )
    assert story["throughput"]["calls"] > 2000
    assert set(calls) == EVERY_CALL
    for function in ("grant_user_credits", "deduct_user_credits", "refund_user_credits"):
        assert all(calls[function][outcome] for outcome in ("new", "replayed", "refused"))


def test_every_kind_of_bad_request_is_refused_with_its_code(story: dict[str, Any]) -> None:
    refused = story["totals"]["refused"]

    assert {(kind["sqlstate"], kind["code"]) for kind in refused} == EVERY_REFUSAL
    arguments = {kind["about"] for kind in refused if kind["code"] == "invalid_argument"}
    assert arguments == {
        "p_credits",
        "p_expires_at",
        "p_idempotency_key",
        "p_source",
        "p_user_id",
    }
    for sample in story["refusals"]:
        assert sample["message"]
        assert sample["hint"] or sample["sqlstate"] == "42501"


def test_the_printed_ledger_shows_every_way_in_which_credits_move(story: dict[str, Any]) -> None:
    rows = story["ledger_of_one_user"]["rows"]

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


@pytest.mark.parametrize("columns", [40, 80])
def test_it_prints_tables_that_fit_without_a_terminal(columns: int) -> None:
    done = run("--seed", "5", "--users", "9", COLUMNS=str(columns), PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for title in ("Calls", "Refused calls", "Balances by plan", "Trial balance"):
        assert title in [line.strip() for line in lines]
    text = " ".join(done.stdout.split())
    assert "verify_ledger: 0 violations in " in text
    assert "pgcredits demo --seed 5 --users 9" in text
    assert "calls/s" in text


def test_on_a_terminal_it_shows_how_far_it_is() -> None:
    done = run("--users", "1", "--format", "json", FORCE_COLOR="1")

    assert json.loads(done.stdout)["totals"]["users"] == 1
    for scene in ("pgcredits migrate", "launch", "chargebacks", "today", "verify_ledger"):
        assert scene in done.stderr


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


@pytest.mark.parametrize("arguments", [["--users", "0"], ["--seed", "x"], ["--format", "xml"]])
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
