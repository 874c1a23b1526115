"""The page of an inspection in a real Chromium: no error, no request, nothing scrolls sideways."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest

from command_line.adopt import systems
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.inspect.showing import to_html

playwright = pytest.importorskip(
    "playwright.sync_api", reason="the browser extra is not installed (playwright)"
)
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium or chrome on the PATH")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_is_quiet_and_fits(
    conn: Any, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    page = tmp_path / "inspection.html"
    page.write_text(to_html(inspect(conn, ["public"])), encoding="utf-8")
    requests: list[str] = []
    errors: list[str] = []

    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: errors.append(message.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        scroll, client = tab.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        tables = tab.locator("table:visible").count()
        if folder := os.environ.get("PGCREDITS_SCREENSHOTS"):
            tab.screenshot(path=Path(folder) / f"inspection-{width}-{scheme}.png", full_page=True)
        browser.close()

    assert requests == [page.as_uri()]
    assert errors == []
    assert scroll == client == width
    assert tables == 4
