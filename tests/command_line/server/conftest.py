"""Where the tests of servers run: a server belongs to the project in which it is made."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in the root folder, as owner.py does, which every account may enter."""
    monkeypatch.chdir("/")
