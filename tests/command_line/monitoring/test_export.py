"""`pgcredits monitoring export`: every file is written as it ships, and nothing is lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from pgcredits import monitoring
from pgcredits.monitoring import Exported, MonitoringError, export, shipped_files
from support.paths import ROOT

FILES = [
    "README.md",
    "grafana/dashboards/pgcredits.json",
    "grafana/provisioning/dashboards/pgcredits.yml",
    "grafana/provisioning/datasources/pgcredits.yml",
    "prometheus/pgcredits.rules.yml",
    "prometheus/prometheus.yml",
    "sql_exporter.yml",
]


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("pgcredits")
    done = subprocess.run(
        [program, "monitoring", *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert "Traceback" not in done.stderr
    return done


def written(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_all_files_are_written_as_they_ship(tmp_path: Path) -> None:
    done = command("export", "new/folder", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"written   new/folder/{path}" for path in FILES]
    source = Path(monitoring.__file__).parent / "files"
    assert written(tmp_path / "new/folder") == {p: (source / p).read_bytes() for p in FILES}


def test_the_accounts_of_other_programs_can_read_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        export(tmp_path / "new")
    finally:
        os.umask(before)

    for path in FILES:
        assert (tmp_path / "new" / path).stat().st_mode & 0o777 == 0o644


def test_a_second_export_changes_nothing(tmp_path: Path) -> None:
    export(tmp_path)
    times = {path: (tmp_path / path).stat().st_mtime_ns for path in FILES}

    assert export(tmp_path) == [Exported(path, "unchanged") for path in FILES]
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in FILES} == times


def test_a_changed_file_is_named_and_kept_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus/pgcredits.rules.yml").write_text("mine")
    (tmp_path / "sql_exporter.yml").write_text("mine, too")
    mine = written(tmp_path)

    done = command("export", ".", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (23, "")
    assert "prometheus/pgcredits.rules.yml, sql_exporter.yml" in done.stderr
    assert "--force" in done.stderr
    assert written(tmp_path) == mine


def test_force_replaces_what_differs_and_leaves_the_rest(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "sql_exporter.yml").write_text("mine")
    (tmp_path / "README.md").unlink()
    (tmp_path / "notes.txt").write_text("not ours")

    done = command("export", "--force", "--format", "json", ".", cwd=tmp_path)

    assert done.returncode == 0
    outcomes = {file["path"]: file["outcome"] for file in json.loads(done.stdout)}
    assert outcomes == {
        **dict.fromkeys(FILES, "unchanged"),
        "sql_exporter.yml": "replaced",
        "README.md": "written",
    }
    assert written(tmp_path) == {**shipped_files(), "notes.txt": b"not ours"}


def test_where_one_file_cannot_be_written_none_is_replaced(tmp_path: Path) -> None:
    export(tmp_path)
    # The first and the last of them are to be replaced; between them something is in the way.
    for path in ("README.md", "sql_exporter.yml"):
        (tmp_path / path).write_text("mine")
    (tmp_path / "prometheus/prometheus.yml").unlink()
    (tmp_path / "prometheus/pgcredits.rules.yml").unlink()
    (tmp_path / "prometheus").rmdir()
    (tmp_path / "prometheus").symlink_to(tmp_path / "nowhere")
    before = written(tmp_path)

    with pytest.raises(MonitoringError) as caught:
        export(tmp_path, force=True)

    assert str(tmp_path / "prometheus") in str(caught.value)
    assert caught.value.exit_status == 23
    assert written(tmp_path) == before


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    done = command("export", "taken", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (23, "")
    assert done.stderr.startswith("error: Not a directory: taken")
    assert "hint: " in done.stderr


@pytest.mark.slow
def test_a_wheel_brings_the_files(tmp_path: Path) -> None:
    """Built from this checkout, and installed next to nothing but its dependencies."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path / "wheels"), str(ROOT)],
        check=True,
    )
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    venv.create(tmp_path / "environment", with_pip=False)
    python = tmp_path / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    (site,) = (tmp_path / "environment").rglob("site-packages")
    dependencies = [path for path in sys.path if path.endswith("-packages")]
    (site / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")

    subprocess.run(
        [python.with_name("pgcredits"), "monitoring", "export", "out"], cwd=tmp_path, check=True
    )

    assert written(tmp_path / "out") == shipped_files()


def test_the_files_name_the_roles_of_the_installation(tmp_path: Path) -> None:
    done = command("export", ".", "--role-prefix", "staging_", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    texts = [content.decode() for content in written(tmp_path).values()]
    found = [word for text in texts for word in re.findall(r"\w*credits_analyst", text)]
    assert set(found) == {"staging_credits_analyst"}
    assert len(found) >= 3
