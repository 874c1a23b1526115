"""The page's story of a system that is moved over, command by command."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from msgspec.structs import fields

from command_line.adopt import systems
from docs.blocks import blocks
from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Refunds, Tasks
from support.paths import ADOPTION_PAGE

if TYPE_CHECKING:
    from support.databases import Database

#: What a run that finds faults, as this one does, ends with.
STATUS = {"pgcredits adopt inspect": 25}


def test_it_prints_what_is_shown(blank_database: Database, tmp_path: Path) -> None:
    with blank_database.connect() as conn:
        systems.load(conn, "photo_platform", dirty=True)
        name = conn.info.dbname
    told = blocks("shell", pages=(ADOPTION_PAGE,))
    assert len(told) == 6

    for block in told:
        first, _, expected = block.code.partition("\n")
        command = first.removeprefix("$ ")
        if command == "pgcredits adopt run":
            _run("pgcredits migrate", blank_database, tmp_path)
            with blank_database.connect() as conn:
                (update,) = (
                    b.code
                    for b in blocks("plpgsql", pages=(ADOPTION_PAGE,))
                    if "credits.plans" in b.code
                )
                conn.execute(update.encode())
        done = _run(command, blank_database, tmp_path)

        assert done.returncode == STATUS.get(command, 0), done.stderr
        printed = (done.stdout + done.stderr).replace(str(tmp_path), "/home/you")
        printed = re.sub(r"locked for \d+\.\d s", "locked for 0.0 s", printed)
        _require_in_order(printed.replace(name, "app"), expected)

    paid = (tmp_path / "paid.csv").read_text().splitlines()
    assert len(paid) == 5
    (opening,) = (
        b.code for b in blocks("plpgsql", pages=(ADOPTION_PAGE,)) if "drop trigger" in b.code
    )
    (asking,) = (
        b.code for b in blocks("plpgsql", pages=(ADOPTION_PAGE,)) if "'imported'" in b.code
    )
    with blank_database.connect() as conn:
        found = {str(row.user_id): row.credits for row in conn.execute(asking.encode())}
        assert found == {row.split(",")[0]: int(row.split(",")[3]) for row in paid[1:]}
        with pytest.raises(psycopg.Error, match="is closed"):
            conn.execute("update public.user_credits set current_balance = 5")
        conn.execute(opening.encode())
        conn.execute("update public.user_credits set current_balance = 5")


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
        rest = rest.partition(wanted)[2]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _run(command: str, database: Database, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        shlex.split(command),
        cwd=folder,
        env={
            **os.environ,
            "PATH": path,
            "PGCREDITS_DSN": database.dsn,
            "PGCREDITS_SHARE_ROLES": "1",  # all databases of the tests are on one server
            "COLUMNS": "100",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
