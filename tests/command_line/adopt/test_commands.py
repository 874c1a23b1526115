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


def uncomment_unused(plan: Path) -> None:
    """Let cleanup remove what the plan says that nothing uses."""
    before, begin, rest = plan.read_text().partition("# unused = [\n")
    listed, end, after = rest.partition("# ]\n")
    chosen = f"{begin}{listed}{end}".replace("# ", "")
    plan.write_text(f"{before}{after}".replace("version = 1\n", f"version = 1\n{chosen}"))


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

    uncomment_unused(adopt.folder / "pgcredits-adopt.toml")
    safe = adopt("cleanup", "safe", "--dump", "one.sql")
    assert "rows that held nothing and are deleted: 2" in safe.stdout
    full = adopt("cleanup", "full", "--dump", "two.sql", "--table", "public.api_providers")
    assert "dropped: tables 6, functions 1" in full.stdout
    assert "nothing of what was named can go" in adopt("cleanup").stdout

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
    (adopt.folder / "pgcredits-cleanup-full.sql").write_text("mine")
    (adopt.folder / "paid.csv").write_text("mine")
    cleaned = adopt("cleanup", "full", "--table", "public.credit_alerts")

    (adopt.folder / "pgcredits-adopt.toml").write_text("mine")
    planned = adopt("plan")
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
        (("run", "--dry-run", "--plan", "."), 24, "Is a directory"),
        (("calls", ".", "--plan", "nowhere.toml"), 24, "No such file"),
        (("cleanup",), 24, "No such file"),
        (("cleanup", "--table", "credit_pools"), 24, "credit_pools has no schema"),
        (("cleanup", "--table", "credits.plans"), 24, "not an application's"),
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


def test_the_plan_is_named_in_one_way(adopt: Adopt) -> None:
    """The ways of 0.1.0 still work, and say what to write."""
    assert (adopt("plan", "--plan", "one.toml").stderr, adopt("plan").returncode) == ("", 0)
    older = adopt("plan", "--output", "two.toml")
    assert older.returncode == 0
    assert older.stderr == "--output is the older way to name the plan: write --plan two.toml\n"
    assert (adopt.folder / "one.toml").read_text() == (adopt.folder / "two.toml").read_text()
    (adopt.folder / "pgcredits-adopt.toml").unlink()

    assert adopt("inspect", "--plan", "one.toml").returncode == 25
    for command in ("run", "compat"):
        assert adopt(command, "--plan", "one.toml").stderr == ""
        older = adopt(command, "one.toml")
        assert older.returncode == 0
        assert (
            older.stderr == "PLAN alone is the older way to name the plan: write --plan one.toml\n"
        )
        both = adopt(command, "one.toml", "--plan", "two.toml")
        assert both.returncode == 2
    # What we wrote there is no source.
    assert adopt("calls", ".", "--plan", "one.toml").returncode == 0
    assert adopt("cleanup", "--plan", "one.toml").returncode == 24
    said = adopt("cleanup", "--schema", "public", "--table", "public.credit_alerts").stderr
    assert said == "--schema has no effect any more: --table names a table with its schema\n"


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b'schemas = ["\xe4"]', b"a = " + b"[" * 50_000])
def test_a_plan_that_is_no_toml(adopt: Adopt, text: bytes) -> None:
    (adopt.folder / "pgcredits-adopt.toml").write_bytes(text)

    done = adopt("run", "--dry-run")

    assert (done.returncode, "Traceback" in done.stderr) == (24, False)
    assert "is not TOML" in done.stderr


def test_a_dry_run_says_what_would_come_and_changes_nothing(
    adopt: Adopt, conn: psycopg.Connection[Any], database: Database
) -> None:
    assert adopt("plan").returncode == 0
    before = contents(conn)
    with database.connect() as writer, writer.transaction(force_rollback=True):
        # Somebody writes meanwhile: it waits for nobody.
        writer.execute("update public.user_credits set current_balance = 1000000")
        told = json.loads(adopt("run", "--dry-run", "--format", "json").stdout)
        shown = adopt("run", "--dry-run")

    assert contents(conn) == before
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "would come" in shown.stdout
    assert "52 credits would be owed to 4 users" in shown.stdout
    assert "writes would be refused to: public.credit_refunds," in shown.stdout
    done = json.loads(adopt("run", "--format", "json").stdout)
    assert told["proof"] == done["proof"]
    assert (told["in_flight"], told["owed"], told["is_done"]) == (1, 52, False)
    owed = json.loads(adopt("settle", "--format", "json").stdout)
    assert sum(user["owed"] for user in owed) == 52

    moved = contents(conn)
    again = adopt("run", "--dry-run")
    assert again.returncode == 0
    assert "an earlier run has moved it over" in again.stdout
    assert contents(conn) == moved


def test_a_dry_run_refuses_what_a_run_refuses(adopt: Adopt, conn: psycopg.Connection[Any]) -> None:
    assert adopt("plan").returncode == 0
    plan = adopt.folder / "pgcredits-adopt.toml"
    right = plan.read_text()
    for before, after in (
        ('negatives = "zero"', 'negatives = "stop"'),
        ("version = 1", 'version = 1\nundecided = ["which one?"]'),
        ('usage = "charge"', ""),
    ):
        assert before in right
        plan.write_text(right.replace(before, after))
        dry, wet = adopt("run", "--dry-run"), adopt("run")
        assert (dry.returncode, dry.stderr) == (24, wet.stderr)
    assert conn.execute("select from credits.imported_balances").fetchall() == []


def contents(conn: psycopg.Connection[Any]) -> list[Any]:
    """Whatever a run would change: rows of ours, and triggers on old tables."""
    tables = conn.execute(
        "select c.oid::regclass::text as name from pg_class as c"
        " where c.relkind = 'r' and c.relnamespace::regnamespace::text in ('credits', 'public')"
        " order by 1"
    ).fetchall()
    counts = [
        (
            row.name,
            conn.execute(f"select t::text from {row.name} as t order by 1".encode()).fetchall(),
        )
        for row in tables
    ]
    return [
        *counts,
        *conn.execute("select tgname, tgrelid, tgenabled from pg_trigger order by 1, 2"),
    ]


def test_a_table_that_is_written_by_its_plan(adopt: Adopt, conn: psycopg.Connection[Any]) -> None:
    """`run` says what is still to be done, and what has taken the table's place."""
    adopt("plan")
    file = adopt.folder / "pgcredits-adopt.toml"
    head, table, rest = file.read_text().partition('table = "public.user_credits"\n')
    head = head.replace("version = 1\n", "version = 1\ncompat_max_rise = 20\n")
    file.write_text(f"{head}{table}writable = true\n{rest}")

    moved = adopt("run")
    assert (moved.returncode, moved.stderr) == (
        0,
        "to do: pgcredits adopt compat: until then nobody can write public.user_credits\n",
    )
    made = adopt("compat")
    assert "public.user_credits: balances of today, which may be written\n" in made.stdout
    assert (made.returncode, made.stderr) == (0, "")
    write = (
        b"update public.user_credits set current_balance = current_balance - 1 where user_id = %s"
    )
    assert conn.execute(write, [systems.user(1)]).rowcount == 1
    again = adopt("run")
    assert again.returncode == 24
    assert "public.user_credits is a view" in again.stderr
