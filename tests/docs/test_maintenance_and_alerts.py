"""What the pages say about maintenance and alerts, run as far as it goes without a network."""

from __future__ import annotations

import configparser
import re
import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from command_line.alert_relay.events import raise_alert
from command_line.alert_relay.receiver import receiving
from command_line.maintain_loop.running_command import (
    as_role,
    note_transactions,
    program,
    transactions_noted,
)
from docs.blocks import blocks
from pgcredits.maintenance import TASKS
from support.attempts import generation, start
from support.books import NOON
from support.clock import advance, set_clock

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from support.databases import Database

MINUTE = timedelta(minutes=1)
LINES = [line for block in blocks("sh") for line in block.code.splitlines()]
(LOOP,) = [line for line in LINES if line.startswith("pgcredits maintain")]
FOLLOWERS = [
    line for line in LINES if re.match(r"pgcredits alerts (--)?follow\b", line) is not None
]


# What pg_cron keeps of each job.
CRON = """
create schema cron;
create table cron.job (jobname text primary key, schedule text, command text);
create function cron.schedule(jobname text, schedule text, command text) returns void
language sql as $$ insert into cron.job values (jobname, schedule, command) $$
"""


def test_what_pg_cron_is_told_to_run_does_all_that_is_due(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    (block,) = [b for b in blocks("plpgsql") if "cron.schedule" in b.code]
    conn.execute(CRON)
    conn.execute(block.code.encode())
    jobs = conn.execute("select * from cron.job").fetchall()
    # A job for each task, in the order of the loop.
    assert [job.jobname.removeprefix("pgcredits ") for job in jobs] == list(TASKS)
    assert {job.schedule for job in jobs} == {"* * * * *"}
    set_clock(conn, NOON)
    attempts = [start(conn, p_timeout=MINUTE) for _ in range(201)]
    advance(conn, MINUTE)
    note_transactions(conn, "credits.refund_totals")

    operator = database.connect(role="credits_operator")
    for job in jobs:
        operator.execute(job.command.encode())

    assert {generation(conn, attempt).status for attempt in attempts} == {"timed_out"}
    # In more than one transaction, so that nobody is locked for long.
    assert transactions_noted(conn) == 2


def test_the_loop_runs(database: Database) -> None:
    (_, *arguments) = shlex.split(LOOP)
    with program(as_role(database, "credits_operator"), *arguments, "--format", "json") as loop:
        loop.until(lambda: len(loop.lines) == 7)
        assert loop.end() == 0


def test_the_service_is_the_loop() -> None:
    (block,) = [b for b in blocks("ini") if "[Service]" in b.code]
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block.code)

    assert unit["Service"]["ExecStart"].rpartition("/")[2] == LOOP


@pytest.mark.parametrize("line", FOLLOWERS)
def test_the_followers_tell(
    conn: psycopg.Connection[Any], database: Database, tmp_path: Path, line: str
) -> None:
    raise_alert(conn, "provider_down", p_level="critical")
    told = tmp_path / "told"
    with receiving() as receiver:
        arguments = shlex.split(line)[1:]
        for i, argument in enumerate(arguments):
            if argument.endswith(".json"):
                arguments[i] = str(tmp_path / argument)
            elif argument.startswith("./"):
                arguments[i] = f"tee {told}"
        webhook = {"PGCREDITS_WEBHOOK": receiver.url} if "--slack" in line else {}
        with program(as_role(database, "credits_analyst"), *arguments, **webhook) as follower:
            follower.until(lambda: receiver.requests or follower.lines or told.exists())
            assert follower.end() == 0


def test_all_three_ways_are_shown() -> None:
    assert len(FOLLOWERS) == 3
    assert any(line.startswith("export PGCREDITS_WEBHOOK=https://") for line in LINES)
