"""``pgcredits report``, as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from command_line.report.pages import small_history
from support.program import pgcredits

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database


def run(
    database: Database, folder: Path, *arguments: str, before: str = ""
) -> subprocess.CompletedProcess[str]:
    if not before:
        return pgcredits("report", *arguments, dsn=database.dsn, folder=folder)
    program = f"{before}\nfrom pgcredits.cli import main\nmain()"
    return subprocess.run(
        [sys.executable, "-c", program, "report", "--dsn", database.dsn, *arguments],
        capture_output=True,
        check=False,
        text=True,
        cwd=folder,
        timeout=120,
    )


def test_each_format_goes_where_it_should(database: Database, conn: Any, tmp_path: Path) -> None:
    small_history(conn)

    text = run(database, tmp_path)
    document = run(database, tmp_path, "--format", "json")
    page = run(database, tmp_path, "--format", "html")
    saved = run(database, tmp_path, "--output", "report.txt")

    assert [done.returncode for done in (text, document, page, saved)] == [0, 0, 0, 0]
    assert "Usage and outcome by day" in text.stdout
    assert json.loads(document.stdout)["usage"]["rows"][0]["started"] == 3
    assert page.stdout == f"{tmp_path / 'pgcredits-report.html'}\n"
    assert (tmp_path / "pgcredits-report.html").read_text().startswith("<!doctype html>")
    assert "Usage and outcome by day" in (tmp_path / "report.txt").read_text()


@pytest.mark.parametrize("since", ["2999-01-01", "1999-01-01", "soon"])
def test_a_senseless_since_is_named(database: Database, tmp_path: Path, since: str) -> None:
    done = run(database, tmp_path, "--since", since)

    assert done.returncode == 22
    assert done.stderr.startswith("error: --since")
    assert "hint: " in done.stderr


def test_without_the_packages_it_names_the_command(database: Database, tmp_path: Path) -> None:
    hide = "import sys\nsys.modules['altair'] = None"

    done = run(database, tmp_path, "--format", "html", before=hide)

    assert done.returncode == 22
    assert "pip install 'pgcredits[report]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_not_what_it_names(database: Database, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    kept.write_text("mine")
    (tmp_path / "report.txt").symlink_to(kept)

    done = run(database, tmp_path, "--output", "report.txt")

    assert done.returncode == 0
    assert kept.read_text() == "mine"
    assert not (tmp_path / "report.txt").is_symlink()
