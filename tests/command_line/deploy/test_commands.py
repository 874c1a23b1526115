"""The commands `migrate`, `check`, `rollback` and `sql`: what they print, and how they exit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from command_line.deploy.tree import run_script
from pgcredits import __version__
from support.program import pgcredits

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from support.databases import Database

SECRET = "hush-hush"  # noqa: S105


def pgcredits_command(*arguments: str, dsn: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command, with the DSN in its environment."""
    done = pgcredits(*arguments, dsn=dsn)
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stdout + done.stderr
    return done


def test_install_check_and_remove(blank_database: Database) -> None:
    dsn = blank_database.dsn

    before = pgcredits_command("check", dsn=dsn)
    assert (before.returncode, before.stdout.split(":")[0]) == (10, "not_installed")

    up = pgcredits_command("migrate", dsn=dsn)
    assert up.returncode == 0, up.stderr
    assert "applied credits.deduct_user_credits" in up.stdout.splitlines()
    assert pgcredits_command("migrate", dsn=dsn).stdout == "nothing to do\n"

    content = pgcredits_command("check", "--smoke", dsn=dsn)
    assert (content.returncode, content.stdout) == (0, "all is as it should be\n")

    down = pgcredits_command("rollback", "--dsn", dsn)
    assert down.returncode == 0, down.stderr
    assert pgcredits_command("check", "--dsn", dsn).returncode == 10


def test_json_for_scripts(blank_database: Database) -> None:
    dsn = blank_database.dsn

    up = json.loads(pgcredits_command("migrate", "--format", "json", dsn=dsn).stdout)
    assert up["version"] == __version__
    assert up["remaining"] == []

    with blank_database.connect() as conn:
        conn.execute("create table credits.extra (x int)")
    check = pgcredits_command("check", "--format", "json", dsn=dsn)
    assert check.returncode == 16
    assert json.loads(check.stdout)["findings"] == [
        {
            "kind": "unmanaged",
            "object_kind": "table",
            "name": "credits.extra",
            "detail": "pgcredits did not make it",
        }
    ]


def test_the_script_goes_to_the_terminal_or_a_file(
    blank_database: Database, tmp_path: Path
) -> None:
    printed = pgcredits_command("sql").stdout
    pgcredits_command("sql", "--output", str(tmp_path / "all.sql"))
    assert (tmp_path / "all.sql").read_text() == printed
    assert "create_roles to off" in pgcredits_command("sql", "--no-roles").stdout

    run_script(blank_database.dsn, printed)

    assert pgcredits_command("check", dsn=blank_database.dsn).returncode == 0


@pytest.mark.parametrize("command", ["migrate", "check", "rollback"])
@pytest.mark.parametrize(
    "dsn", [f"postgresql://me:{SECRET}/{SECRET}@host/db", f"host=/nowhere password={SECRET}"]
)
def test_no_connection_is_a_sentence_and_a_hint(command: str, dsn: str) -> None:
    done = pgcredits_command(command, dsn=dsn)

    assert done.returncode == 3
    assert done.stdout == ""
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert hint.startswith("hint: ")


def test_a_refusal_is_a_sentence_and_a_hint(database: Database) -> None:
    with database.connect() as conn:
        conn.execute("insert into credits_deploy.deployments (package_version) values ('99.0')")

    done = pgcredits_command("migrate", dsn=database.dsn)

    assert done.returncode == 5
    assert done.stderr.splitlines()[0].startswith("error: package 99.0")
    assert pgcredits_command("check", dsn=database.dsn).returncode == 11


def test_help_has_the_exit_statuses_of_check() -> None:
    text = pgcredits_command("check", "--help").stdout

    for kind in pgcredits_kinds():
        assert kind in " ".join(text.split())


def pgcredits_kinds() -> list[str]:
    from pgcredits.deploy import Kind

    return [f"{kind.exit_status} {kind}" for kind in Kind]


def test_roles_of_another_database_are_shared_only_when_told_so(
    blank_database: Database, template: object
) -> None:
    dsn = blank_database.dsn
    done = pgcredits("migrate", dsn=dsn, environment={"PGCREDITS_SHARE_ROLES": "0"})
    assert done.returncode == 4
    error, hint = done.stderr.splitlines()
    assert "another database" in error
    assert "--role-prefix" in hint

    script = pgcredits("sql", environment={"PGCREDITS_SHARE_ROLES": "0"}).stdout
    with pytest.raises(AssertionError, match="another database"):
        run_script(dsn, script)
    up = pgcredits("migrate", "--share-roles", dsn=dsn, environment={"PGCREDITS_SHARE_ROLES": "0"})
    assert up.returncode == 0


def test_an_upgrade_is_printed_from_a_version_that_was_released() -> None:
    done = pgcredits_command("sql", "--from", "0.1.0")
    assert done.stdout.startswith("-- pgcredits ")
    assert "create schema credits;" not in done.stdout

    refused = pgcredits_command("sql", "--from", "9.9")
    assert refused.returncode == 4
    assert "0.1.0" in refused.stderr.splitlines()[1]
