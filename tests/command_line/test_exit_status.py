"""Exit statuses: one enumeration, in which every number has one meaning, and every one is used."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pgcredits
from pgcredits.deploy import Kind
from pgcredits.errors import PgcreditsError
from pgcredits.exit_status import ExitStatus, exit_status_table


def every_error() -> list[type[PgcreditsError]]:
    """All error classes of the package, whichever module they are in."""
    for module in pkgutil.walk_packages(pgcredits.__path__, "pgcredits."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = [PgcreditsError]
    for error in found:
        found.extend(error.__subclasses__())
    return found


def test_the_numbers_have_no_gaps_and_no_doubles() -> None:
    # The members as they are written: an enumeration makes a double an alias without a word.
    assert [status.value for status in ExitStatus.__members__.values()] == list(
        range(len(ExitStatus.__members__))
    )


def test_every_status_is_used() -> None:
    of_errors = {error.exit_status for error in every_error()}
    of_check = {kind.exit_status for kind in Kind}

    assert of_errors | of_check | {ExitStatus.OK, ExitStatus.WRONG_USAGE} == set(ExitStatus)
    assert of_errors & of_check == set()


def test_errors_and_findings_name_a_member() -> None:
    named = [error.exit_status for error in every_error()] + [kind.exit_status for kind in Kind]

    assert all(isinstance(status, ExitStatus) for status in named)


def test_the_table_has_all_of_them() -> None:
    _heading, _rule, *rows, _gap, closing = exit_status_table().splitlines()

    assert closing == f"The next free status is {len(ExitStatus)}."
    assert [row.split(" | ")[0] for row in rows] == [f"| {n}" for n in range(len(ExitStatus))]
    assert all(row.count("|") == 4 for row in rows)


def test_wrong_usage_and_help_end_as_the_table_says() -> None:
    program = [sys.executable, "-m", "pgcredits"]

    wrong = subprocess.run([*program, "no-such-command"], capture_output=True, check=False)
    version = subprocess.run([*program, "--version"], capture_output=True, check=False, text=True)

    assert wrong.returncode == ExitStatus.WRONG_USAGE
    assert version.returncode == ExitStatus.OK
    assert version.stdout == f"pgcredits {pgcredits.__version__}\n"
