"""The generated parts of the pages say what the database's comments and the pages' headings say.

`pytest tests/docs --write-reference` brings them up to date.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from docs.reference import replaced, section_names, sections
from support.paths import PAGES, page_name

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_reference_is_generated_from_the_comments(
    conn: psycopg.Connection[Any], pytestconfig: pytest.Config, page: Path
) -> None:
    text = page.read_text(encoding="utf-8")
    fresh = replaced(text, sections(conn))

    if pytestconfig.getoption("--write-reference", default=False):
        page.write_text(fresh, encoding="utf-8")

    elif fresh != text:
        raise AssertionError(f"{page_name(page)} is stale: run pytest tests/docs --write-reference")


def test_each_part_is_on_one_page(conn: psycopg.Connection[Any]) -> None:
    placed = [name for page in PAGES for name in section_names(page.read_text(encoding="utf-8"))]

    assert sorted(name for name in placed if name != "contents") == sorted(sections(conn))


def test_a_part_that_nothing_generates_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to generate"):
        replaced("<!-- generated: nonsense -->\n<!-- end: nonsense -->\n", {})


def test_a_part_without_an_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="one whole section"):
        replaced("<!-- generated: life -->\n", {"life": "a table"})
