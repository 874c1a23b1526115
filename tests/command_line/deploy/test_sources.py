"""The SQL files: found wherever the package is installed, and checked before anything is done."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import pgcredits
from command_line.deploy.tree import SIZES, write_files
from pgcredits.sources import SourcesError, find_root, read_package
from support.paths import ROOT

FIND = """
import pgcredits
# They read the SQL that Python sends when they are imported.
import pgcredits.adopt.inspect.inspection, pgcredits.adopt.move.running, pgcredits.deploy.manifest
from pgcredits.sources import find_root, read_package
package = read_package()
print(find_root())
print(pgcredits.__file__)
print(*[f"{m.path} {m.sha256}" for m in package.migrations], sep="\\n")
print(*[f"{d.path} {d.sha256}" for d in package.definitions], sep="\\n")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_files(tmp_path)
    return tmp_path


def test_files_become_objects_of_the_schema_of_their_folder(root: Path) -> None:
    package = read_package(root)

    assert [m.name for m in package.migrations] == ["0001-schemas", "0002-tables"]
    assert [(d.kind, d.name) for d in package.definitions] == [
        ("function", "credits_internal.refuse_change"),
        ("function", "credits.add_item"),
        ("view", "credits_monitoring.sizes"),
        ("view", "credits_monitoring.a_total"),
    ]


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("migrations/0003-more.sql", "", "has no 0003-more.rollback.sql"),
        ("migrations/more.sql", "", "NNNN-name"),
        ("migrations/0003_more.sql", "", "NNNN-name"),
        ("migrations/0003-more.py", "steps = []", "NNNN-name"),
        ("migrations/post-apply.sql", "", "every deploy"),
        ("procedures/ledger/Add.sql", "", "not named after"),
        ("procedures/maintenance/add_item.sql", "", "credits.add_item is defined twice"),
        ("views/costs/sizes.sql", "", "credits_monitoring.sizes is defined twice"),
        ("views/costs/more.sql", "select 1;\nrollback;", "ends the deploy's transaction"),
    ],
)
def test_files_that_cannot_be_right_are_named(root: Path, path: str, text: str, words: str) -> None:
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text(text)

    with pytest.raises(SourcesError, match=words) as caught:
        read_package(root)
    assert caught.value.exit_status == 8


@pytest.mark.parametrize(
    ("directive", "words"),
    [("-- depends: 0003-other", "0003-other"), ("-- transactional: false", "outside")],
)
def test_migrations_run_in_the_order_of_their_numbers_and_in_one_transaction(
    root: Path, directive: str, words: str
) -> None:
    (root / "migrations/0003-more.rollback.sql").write_text("")
    (root / "migrations/0003-more.sql").write_text(f"-- Why.\n{directive}\nselect 1;")
    with pytest.raises(SourcesError, match=words):
        read_package(root)

    (root / "migrations/0003-more.sql").write_text("-- depends: 0002-tables\nselect 1;")
    assert len(read_package(root).migrations) == 3


def test_names_in_comments_and_literals_are_no_dependencies(root: Path) -> None:
    file = root / SIZES
    text = file.read_text()
    file.write_text(
        f"-- Not credits_monitoring.a_total.\n/* Nor\ncredits_monitoring.a_total */{text}"
    )

    assert len(read_package(root).definitions) == 4


def test_a_folder_with_brackets_is_no_pattern(tmp_path: Path) -> None:
    root = tmp_path / "a[b]*"
    write_files(root)

    assert len(read_package(root).migrations) == 2


def test_this_installation_uses_its_own_files() -> None:
    package = Path(pgcredits.__file__).parent
    editable = package == ROOT / "python" / "pgcredits"

    assert find_root() == (ROOT if editable else package / "sql")


@pytest.mark.slow
def test_a_wheel_brings_the_same_files(tmp_path: Path) -> None:
    """Built from this checkout, and installed next to nothing but its dependencies."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = tmp_path / "wheels"
    _run(*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT))
    (wheel,) = wheels.glob("*.whl")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    _run(*pip, "--python", str(python), "install", "--no-deps", str(wheel))
    # After its own packages, of which this environment may have another installation.
    (site,) = environment.rglob("site-packages")
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")

    root, module, *found = _run(str(python), "-c", FIND).splitlines()

    assert Path(module).is_relative_to(environment)
    assert Path(root) == Path(module).parent / "sql"
    ours = read_package(ROOT)
    assert found == [
        *(f"{m.path} {m.sha256}" for m in ours.migrations),
        *(f"{d.path} {d.sha256}" for d in ours.definitions),
    ]


def _run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
