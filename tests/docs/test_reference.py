"""The README's generated parts say what the database's comments and the exit statuses say.

`pytest tests/docs --write-reference` brings it up to date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docs.reference import replaced, sections
from support.paths import README

if TYPE_CHECKING:
    import psycopg
    import pytest


def test_the_reference_is_generated_from_the_comments(
    conn: psycopg.Connection[Any], pytestconfig: pytest.Config
) -> None:
    text = README.read_text(encoding="utf-8")
    fresh = replaced(text, sections(conn))

    if pytestconfig.getoption("--write-reference", default=False):
        README.write_text(fresh, encoding="utf-8")

    elif fresh != text:
        raise AssertionError("README.md is stale: run pytest tests/docs --write-reference")
