"""The SQL that adopt sends stands in files beside the code that sends it: none is left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pgcredits.adopt

ADOPT = Path(pgcredits.adopt.__file__).parent
FILES = sorted(ADOPT.rglob("*.sql"))


def test_there_are_such_files() -> None:
    assert len(FILES) > 60


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ADOPT)))
def test_a_file_is_read_and_says_what_it_is_for(file: Path) -> None:
    package = next(one for one in file.parents if (one / "__init__.py").exists())
    # The parts of a body are filled in by name.
    called = f'"{file.stem}"' if file.parent.name == "bodies" else f'(__package__, "{file.name}")'

    assert any(called in one.read_text("utf-8") for one in package.glob("*.py"))
    assert re.match(r"-- [A-Z]", file.read_text("ascii"))
