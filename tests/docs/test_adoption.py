"""The page's story of a system that is moved over, command by command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import fields
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from command_line.adopt import systems
from docs.blocks import blocks
from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Refunds, Tasks
from pgcredits.server import find_binaries
from support.api import call, refused
from support.paths import ADOPTION_PAGE, BEFORE_RUN_PAGE

if TYPE_CHECKING:
    from support.databases import Database

#: The two pages that tell it.
STORY = (ADOPTION_PAGE, BEFORE_RUN_PAGE)
#: What a run that finds faults, as this one does, ends with.
STATUS = {"pgcredits adopt inspect": 25, "pgcredits adopt calls app": 27}


#: The application that `adopt calls` searches.
APP = """\
const { data } = await supabase
  .from("user_credits").select("current_balance").eq("user_id", user.id).single();
await supabase
  .from("user_credits").update({ current_balance: data.current_balance - 5 })
  .eq("user_id", user.id);

await supabase.rpc("consume_user_credits", { p_user_id: user.id, p_credits: 5 });
"""


def block_with(language: str, words: str) -> str:
    """The one block of the two pages that has these words."""
    (found,) = (b.code for b in blocks(language, pages=STORY) if words in b.code)
    return found


def test_it_prints_what_is_shown(blank_database: Database, tmp_path: Path) -> None:
    with blank_database.connect() as conn:
        systems.load(conn, "photo_platform", dirty=True)
        name = conn.info.dbname
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "spend.ts").write_text(APP)
    told = blocks("shell", pages=STORY)
    commands = [block.code.partition("\n")[0].removeprefix("$ ") for block in told]
    # The second page is read after the plan was made, and before it is run.
    run = commands.index("pgcredits adopt run")
    dry = commands.index("pgcredits adopt run --dry-run")
    order = [*range(run), dry - 1, dry, *range(run, dry - 1)]
    assert len(order) == len(told) == 8

    for block in (told[n] for n in order):
        first, _, expected = block.code.partition("\n")
        command = first.removeprefix("$ ")
        if command == "pgcredits adopt run --dry-run":
            _run("pgcredits migrate", blank_database, tmp_path)
            with blank_database.connect() as conn:
                conn.execute(block_with("plpgsql", "credits.plans").encode())
        done = _run(command, blank_database, tmp_path)

        assert done.returncode == STATUS.get(command, 0), done.stderr
        printed = (done.stdout + done.stderr).replace(str(tmp_path), "/home/you")
        printed = re.sub(r"locked for \d+\.\d s", "locked for 0.0 s", printed)
        _require_in_order(printed.replace(name, "app"), expected)

    paid = (tmp_path / "paid.csv").read_text().splitlines()
    assert len(paid) == 5
    with blank_database.connect() as conn:
        writers = block_with("plpgsql", "legacy_writers")
        assert conn.execute(writers.encode()).fetchall() == []
        asking = block_with("plpgsql", "'imported'")
        found = {str(row.user_id): row.credits for row in conn.execute(asking.encode())}
        assert found == {row.split(",")[0]: int(row.split(",")[3]) for row in paid[1:]}
        _go_back(conn)


def _go_back(conn: psycopg.Connection[Any]) -> None:
    """The way back, after something was spent and bought, by old users and a new one."""
    old, new, own = systems.user(5), systems.user(14), systems.user(99)
    conn.execute("insert into auth.users (id) values (%s)", [own])
    call(conn, "deduct_user_credits", p_user_id=old, p_credits=40)
    for user, bought in ((new, 7), (own, 11)):
        call(conn, "grant_user_credits", p_user_id=user, p_credits=bought, p_source="purchase",
             p_idempotency_key=f"payment of {user}")  # fmt: skip
    held = {
        row.user_id: row.balance
        for row in conn.execute("select user_id, balance from credits.user_credits")
    }
    with pytest.raises(psycopg.Error, match="is closed"):
        conn.execute("update public.user_credits set current_balance = 5")

    conn.execute(block_with("plpgsql", "drop trigger").encode())

    rows = conn.execute(
        "select user_id, current_balance + purchased_credits_balance as credits,"
        " purchased_credits_balance as bought from public.user_credits"
    ).fetchall()
    assert {row.user_id: row.credits for row in rows} == {**held, None: 9}
    assert held[old] == 4
    assert {row.user_id: row.bought for row in rows if row.user_id in (old, new, own)} == {
        old: 0, new: 7, own: 11,
    }  # fmt: skip
    conn.execute("update public.user_credits set current_balance = 5")
    with refused("PT403", "account_frozen"):
        call(conn, "deduct_user_credits", p_user_id=old, p_credits=1)


@pytest.mark.slow
def test_a_rehearsal_on_a_copy(blank_database: Database, tmp_path: Path) -> None:
    """The copy is moved and proved; the database that it was made of has not changed."""
    with blank_database.connect() as conn:
        systems.load(conn, "photo_platform", dirty=True)
        name = f"{conn.info.dbname}_copy"
    _run("pgcredits adopt plan", blank_database, tmp_path)
    (block,) = blocks("sh", pages=(BEFORE_RUN_PAGE,))
    told = conninfo_to_dict(blank_database.dsn)
    script = _run(
        f"bash -euo pipefail -c {shlex.quote(block.code)}",
        blank_database,
        tmp_path,
        SOURCE=blank_database.dsn,
        COPY=name,
        **{
            f"PG{key.upper()}": str(value)
            for key, value in told.items()
            if key in ("host", "port", "user", "password")
        },
    )
    try:
        assert script.returncode == 0, script.stderr
        with psycopg.connect(make_conninfo(blank_database.dsn, dbname=name)) as copy:
            total = copy.execute("select sum(balance) from credits.user_credits").fetchone()
        assert total == (196,)
        with blank_database.connect() as conn:
            assert conn.execute(
                "select to_regclass('credits.user_credits') as ours"
            ).fetchall() == [(None,)]
    finally:
        with blank_database.connect() as conn:
            conn.execute(f"drop database if exists {name} with (force)".encode())


def test_settings_of_a_plan_are_listed() -> None:
    page = ADOPTION_PAGE.read_text(encoding="utf-8")
    for part in (Plan, Balances, Bucket, History, Refunds, Tasks):
        for one in fields(part):
            if one.name not in ("balances", "history", "refunds", "tasks", "buckets"):
                (said,) = re.findall(
                    rf"^        {one.name}: (.*)$", part.__doc__ or "", re.MULTILINE
                )
                assert re.search(rf"^\| .* \| `{one.name}` \| {re.escape(said)}", page, re.M)


def _require_in_order(printed: str, expected: str) -> None:
    """Each piece between two ellipses stands there as it is, one after the other."""
    rest = "\n".join(_lines(printed))
    for piece in re.split(r"^\.\.\.$", expected, flags=re.MULTILINE):
        wanted = "\n".join(_lines(piece))
        assert wanted in rest, f"the page shows:\n{wanted}\nit printed:\n{printed}"
        rest = rest.partition(wanted)[2] if wanted else rest


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _run(
    command: str, database: Database, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    binaries = find_binaries()
    path = os.pathsep.join(
        [str(Path(sys.executable).parent), str(binaries.bindir), os.environ["PATH"]]
    )
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env={
            **os.environ,
            **binaries.env,
            "PATH": path,
            "PGCREDITS_DSN": database.dsn,
            "PGCREDITS_SHARE_ROLES": "1",  # all databases of the tests are on one server
            "COLUMNS": "100",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
