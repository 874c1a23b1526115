"""Where the repository's own files are, and the pages of its documentation."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROCEDURES = ROOT / "procedures"

FRONT_PAGE = ROOT / "README.md"
PROCEDURES_PAGE = PROCEDURES / "README.md"
VIEWS_PAGE = ROOT / "views" / "README.md"
MIGRATIONS_PAGE = ROOT / "migrations" / "README.md"
COMMAND_LINE_PAGE = ROOT / "python" / "README.md"
ADOPTION_PAGE = ROOT / "python" / "pgcredits" / "adopt" / "README.md"
BEFORE_RUN_PAGE = ADOPTION_PAGE.with_name("BEFORE_RUN.md")
TESTS_PAGE = ROOT / "tests" / "README.md"

#: Every page of the documentation: each folder's is its README, and one more.
PAGES = (
    FRONT_PAGE,
    PROCEDURES_PAGE,
    VIEWS_PAGE,
    MIGRATIONS_PAGE,
    COMMAND_LINE_PAGE,
    ADOPTION_PAGE,
    BEFORE_RUN_PAGE,
    TESTS_PAGE,
)


def page_name(page: Path) -> str:
    """The page's path in the repository, for messages and the names of tests."""
    return page.relative_to(ROOT).as_posix()
