"""The page in a real Chromium: no error, no request, nothing to scroll sideways."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from command_line.report.pages import read, small_history
from pgcredits.report.page import to_html

if TYPE_CHECKING:
    from support.databases import Database

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
    database: Database, conn: Any, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    small_history(conn)
    page = tmp_path / "report.html"
    page.write_text(to_html(read(database)), encoding="utf-8")
    requests: list[str] = []
    errors: list[str] = []

    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: errors.append(message.text))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        scroll, client = tab.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        shown = tab.locator("svg:visible").count()
        background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        bar = tab.evaluate(
            "getComputedStyle(document.querySelector('svg [fill=\"#2a62c4\"]')).fill"
        )
        if folder := os.environ.get("PGCREDITS_SCREENSHOTS"):
            tab.screenshot(path=Path(folder) / f"report-{width}-{scheme}.png", full_page=True)
        browser.close()

    assert requests == [page.as_uri()]
    assert errors == []
    assert scroll == client == width
    assert shown == 7
    assert background == {"light": "rgb(245, 246, 248)", "dark": "rgb(16, 20, 27)"}[scheme]
    assert bar == {"light": "rgb(42, 98, 196)", "dark": "rgb(120, 169, 255)"}[scheme]
