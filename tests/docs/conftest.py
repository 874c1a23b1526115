"""An option for the README's generated parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-reference",
        action="store_true",
        help="rewrite the README's reference from the database's comments",
    )
