"""A small history, and the page parsed."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from pgcredits.report import Report, read_report
from support.api import call, new_user

if TYPE_CHECKING:
    from support.databases import Database

#: Everything that may do harm on a page, in an image or on a terminal.
HOSTILE = (
    "<script>alert(1)</script></svg></style>[bold red]x[/bold red]\x1b[2J\x1b]0;owned\x07"
    "\u202egnp\u2066 & \" ' onload=x {{ 7*7 }} " + "long " * 2000
)


def small_history(conn: Any, provider: str = "acme") -> None:
    """Two successes of 5 credits for 0.1 and 0.2 USD, and a failure of 7 that was billed 0.4."""
    user = new_user()
    call(conn, "grant_user_credits", user, 100)
    for price, cost in ((5, "0.1"), (5, "0.2"), (7, "0.4")):
        generation = call(conn, "start_generation", user, provider, "image", price).generation_id
        if price == 5:
            call(conn, "complete_generation", user, generation, p_cost_usd=cost)
        else:
            call(
                conn,
                "fail_generation",
                user,
                generation,
                "internal_error",
                HOSTILE.replace("\x00", ""),
                p_provider_billed=True,
                p_cost_usd=cost,
            )


def read(database: Database, since: str = "30d") -> Report:
    with database.connect(role="credits_analyst") as analyst:
        return read_report(analyst, since)


@dataclass
class Page(HTMLParser):
    """Its elements in order, and the text of its table cells."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    text: str = ""
    _in_cell: bool = False

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.cells[-1] += data


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page
