"""``pgcredits adopt``, as commands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from command_line.adopt import systems
from support.api import rows
from support.program import pgcredits

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    import psycopg

    from support.databases import Database


class Adopt:
    """The command, in a folder of its own."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return pgcredits("adopt", *arguments, dsn=self._database.dsn, folder=self.folder)


@pytest.fixture
def adopt(database: Database, conn: psycopg.Connection[Any], tmp_path: Path) -> Adopt:
    systems.load(conn, "photo_platform", dirty=True)
    return Adopt(database, tmp_path)


def test_from_inspect_to_cleanup(adopt: Adopt, conn: psycopg.Connection[Any]) -> None:
    """ORIGIN's phases on the legacy tables, end to end."""
    inspected = adopt("inspect")
    assert inspected.returncode == 25
    assert "52 credits are owed to 4 users for work that failed" in inspected.stdout

    planned = adopt("plan")
    assert planned.returncode == 0
    assert planned.stdout == f"{adopt.folder / 'pgcredits-adopt.toml'}\n"

    moved = adopt("run")
    assert (moved.returncode, moved.stderr) == (0, "")
    assert "191" in moved.stdout
    assert "196" in moved.stdout
    assert "the old tables were locked for 0." in moved.stdout
    again = adopt("run")
    assert again.returncode == 0
    assert "closed by an earlier run" in again.stdout

    made = adopt("compat", "--into", "legacy")
    assert made.returncode == 0
    assert "legacy.user_credits: balances of today\n" in made.stdout

    shown = adopt("settle")
    assert "52 credits are owed to 4 users" in shown.stdout
    paid = adopt("settle", "--pay", "--output", "paid.csv")
    assert "52 credits paid to 4 users" in paid.stdout
    assert len((adopt.folder / "paid.csv").read_text().splitlines()) == 5
    assert "nothing is owed" in adopt("settle").stdout

    safe = adopt("cleanup", "safe", "--dump", "one.sql")
    assert "rows that held nothing and are deleted: 2" in safe.stdout
    full = adopt("cleanup", "full", "--dump", "two.sql")
    assert "dropped: tables 6, functions 1" in full.stdout
    assert "no table or function is unused" in adopt("cleanup").stdout

    (row,) = conn.execute("select sum(balance)::int as all from credits.user_credits").fetchall()
    assert row.all == 196 + 52


def test_json_for_scripts(adopt: Adopt) -> None:
    found = json.loads(adopt("inspect", "--format", "json").stdout)
    assert found["version"] == 1
    assert found["shape"] == "buckets on one row, with a log of what was used"
    assert sum(one["owed"] for one in found["owed"]) == 52
    assert {one["severity"] for one in found["faults"]} == {"error", "warning"}

    adopt("plan")
    moved = json.loads(adopt("run", "--format", "json").stdout)
    assert (moved["history_rows"], moved["balances"], moved["tasks"]) == (18, 15, 15)
    assert moved["proof"]["differences"] == []
    assert moved["proof"]["rows"]["public.enhancement_tasks"] == [15, 15]

    owed = json.loads(adopt("settle", "--format", "json").stdout)
    first = owed[0]
    assert (first["user_id"], first["owed"], first["paid"]) == (
        str(systems.user(2)), 20, 0,
    )  # fmt: skip


def test_a_page(adopt: Adopt, conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "create function public.\"refund_<script>alert('x')</script>\""
        "(p_user_id uuid, p_credits int) returns void language sql as $$ update public.user_credits"
        " set current_balance = current_balance + p_credits where user_id = p_user_id $$"
    )

    done = adopt("inspect", "--format", "html")

    assert done.stdout == f"{adopt.folder / 'pgcredits-inspection.html'}\n"
    page = (adopt.folder / "pgcredits-inspection.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "users charged for failed work" in page
    assert "<script" not in page
    assert "refund_&lt;script&gt;" in page
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page


def test_a_clean_system_is_exit_status_0(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    systems.load(conn, "credit_debit", dirty=False)

    done = Adopt(database, tmp_path)("inspect")

    assert done.returncode == 0
    assert "no faults found" in done.stdout


def test_what_is_there_is_not_overwritten(adopt: Adopt) -> None:
    (adopt.folder / "pgcredits-adopt.toml").write_text("mine")
    (adopt.folder / "pgcredits-cleanup-full.sql").write_text("mine")

    (adopt.folder / "paid.csv").write_text("mine")

    planned, cleaned = adopt("plan"), adopt("cleanup", "full")
    settled = adopt("settle", "--pay", "--output", "paid.csv")

    for done in (planned, cleaned, settled):
        assert done.returncode == 26
        assert " exists" in done.stderr
    assert (adopt.folder / "pgcredits-adopt.toml").read_text() == "mine"
    assert (adopt.folder / "pgcredits-cleanup-full.sql").read_text() == "mine"
    assert (adopt.folder / "paid.csv").read_text() == "mine"
    assert adopt("plan", "--force").returncode == 0


def test_nobody_is_paid_where_it_cannot_be_written_down(
    adopt: Adopt, conn: psycopg.Connection[Any]
) -> None:
    assert adopt("plan").returncode == 0
    assert adopt("run").returncode == 0

    assert adopt("settle", "--pay", "--output", "no/where.csv").returncode == 22

    assert sum(row.credits_owed for row in rows(conn, "settle_owed_refunds")) == 52


def test_a_file_is_not_begun_before_there_is_something_to_write(
    adopt: Adopt, conn: psycopg.Connection[Any]
) -> None:
    assert adopt("plan").returncode == 0
    assert adopt("run").returncode == 0
    conn.execute(
        "create function public.die() returns trigger language plpgsql as $$ begin"
        " perform pg_terminate_backend(pg_backend_pid()); return new; end $$;"
        "create trigger die before insert on credits.credit_transactions"
        " for each row execute function public.die()"
    )

    broken = adopt("settle", "--pay", "--output", "paid.csv")

    assert broken.returncode == 26
    assert "What was paid stays paid" in broken.stderr
    assert not (adopt.folder / "paid.csv").exists()
    conn.execute("drop trigger die on credits.credit_transactions")
    assert adopt("settle", "--pay", "--output", "paid.csv").returncode == 0


def test_inspect_reads_it_as_a_plan_says(adopt: Adopt) -> None:
    assert adopt("plan").returncode == 0
    plan = adopt.folder / "pgcredits-adopt.toml"
    counted = plan.read_text()
    plan.write_text(counted.replace('unnamed_refunds = "count"', 'unnamed_refunds = "ignore"'))

    done = adopt("inspect", "--plan", "pgcredits-adopt.toml", "--format", "json")

    assert sum(one["owed"] for one in json.loads(done.stdout)["owed"]) == 52 + 5
    plan.write_text(plan.read_text().replace("public.user_credits", "public.nothing"))
    assert adopt("inspect", "--plan", "pgcredits-adopt.toml").returncode == 24


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("inspect", "--schema", "nowhere"), 24, "there is no schema nowhere"),
        (("inspect", "--schema", "credits"), 24, "not an application's"),
        (("run",), 24, "No such file"),
        (("compat",), 24, "No such file"),
        (("settle", "--output", "no/where.csv"), 22, "cannot be written"),
    ],
)
def test_errors_are_a_sentence_and_a_hint(
    adopt: Adopt, arguments: tuple[str, ...], status: int, says: str
) -> None:
    done = adopt(*arguments)

    assert done.returncode == status
    assert says in done.stderr
    assert "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_to_move(database: Database, tmp_path: Path) -> None:
    done = Adopt(database, tmp_path)("plan")

    assert done.returncode == 24
    assert "no table keeps credits" in done.stderr


def test_a_difference_stops_it_with_the_rows(adopt: Adopt, conn: psycopg.Connection[Any]) -> None:
    adopt("plan")
    assert adopt("run").returncode == 0
    conn.execute("alter table public.user_credits disable trigger all")
    conn.execute(
        "update public.user_credits set purchased_credits_balance = 6 where user_id = %s",
        [systems.user(1)],
    )

    done = adopt("run")

    assert done.returncode == 26
    assert f"purchased_credits_balance {systems.user(1)}: 6 before, 5 after" in done.stderr
    assert "1 totals differ" in done.stderr


def test_a_role_that_may_not_is_told(
    adopt: Adopt, conn: psycopg.Connection[Any], database: Database
) -> None:
    adopt("plan")
    conn.execute("create role adopt_nobody login")
    try:
        dsn = f"{database.dsn} user=adopt_nobody"
        done = adopt("run", "--dsn", dsn)
        assert done.returncode in (3, 26)
        assert "Traceback" not in done.stderr
    finally:
        conn.execute("drop role adopt_nobody")
