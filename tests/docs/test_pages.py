"""What holds for every page: its size, its table of contents, its links, and tested blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from docs.blocks import FENCE, blocks
from docs.headings import FENCED, headings
from docs.reference import section_names
from support.paths import (
    ADOPTION_PAGE,
    BEFORE_RUN_PAGE,
    COMMAND_LINE_PAGE,
    FRONT_PAGE,
    MIGRATIONS_PAGE,
    PAGES,
    ROOT,
    page_name,
)

if TYPE_CHECKING:
    from pathlib import Path

#: Pages that describe no part of the package, and are linked like the others.
GITHUB_PAGES = tuple(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")

#: The languages whose blocks are run on whichever page they are (test_examples).
RUN = {"sql", "python", "js", "console"}
#: Those that a module of tests/docs picks from the pages that it is about.
PICKED = {
    COMMAND_LINE_PAGE: {"sh", "ini", "plpgsql"},  # test_maintenance_and_alerts
    ADOPTION_PAGE: {"shell", "plpgsql"},  # test_adoption
    BEFORE_RUN_PAGE: {"shell", "sh", "plpgsql"},  # test_adoption
    MIGRATIONS_PAGE: {"sh"},  # command_line/deploy/test_restores
}
#: A `text` block is the output of the block above it, or a sample; these are samples, too.
SAMPLES = {"text", "json", "toml"}


def test_the_front_page_is_short() -> None:
    assert len(FRONT_PAGE.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_a_long_page_has_a_table_of_contents(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 200 or "contents" in section_names(text)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_a_block_is_run_or_is_a_sample(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text.count("\n```") == 2 * len(FENCE.findall(text)), "a fence without a language or end"
    languages = {language for language, _ in FENCE.findall(text)}
    assert languages <= RUN | SAMPLES | PICKED.get(page, set())


def test_a_picked_block_is_one_that_its_module_knows() -> None:
    assert len(blocks("plpgsql", pages=(COMMAND_LINE_PAGE,))) == 1
    assert len(blocks("ini")) == 1
    assert len(blocks("plpgsql", pages=(ADOPTION_PAGE, BEFORE_RUN_PAGE))) == 4
    assert len(blocks("sh", pages=(BEFORE_RUN_PAGE,))) == 1


@pytest.mark.parametrize("page", PAGES + GITHUB_PAGES, ids=page_name)
def test_a_link_leads_somewhere(page: Path) -> None:
    prose = FENCED.sub("", page.read_text(encoding="utf-8"))

    for link in LINK.findall(prose):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            anchors = {heading.anchor for heading in headings(target.read_text(encoding="utf-8"))}
            assert anchor in anchors, link


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_page_is_on_the_map(page: Path) -> None:
    linked = LINK.findall(FRONT_PAGE.read_text(encoding="utf-8"))

    assert page == FRONT_PAGE or page_name(page) in {link.partition("#")[0] for link in linked}
