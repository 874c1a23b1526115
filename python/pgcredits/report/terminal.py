"""The report as tables in the terminal."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table as Grid
from rich.text import Text

from pgcredits.printable import harmless
from pgcredits.report.formatting import NONE, moment, shown
from pgcredits.report.model import Kind

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

    from pgcredits.report.model import Report, Table

_STYLES = {"ok": "bold green", "degraded": "bold yellow", "critical": "bold red"}

#: The tables that the demo prints; the HTML page has them all.
COMPACT = ("open_alerts", "refunds", "reliability", "balances")

#: Columns that do not fit into 80 characters: only the page and the JSON document have them.
_ONLY_ELSEWHERE = frozenset({("users_needing_refunds", "generation_id"), ("costs", "avg_cost_usd")})
#: The columns that stand beneath another one, in its cells.
_BENEATH = {"user_id": "external_user_id"}
_IN_PAGE_ONLY = frozenset(
    {
        ("reliability", "provider_fault_rate_pct"),
        ("reliability", "p50_duration_seconds"),
        ("reliability", "consecutive_failures"),
    }
)


def show(out: Console, report: Report, *, compact: bool = False) -> None:
    """Print the report; figures and ids are never cut, words may be broken over lines."""
    health = report.health
    _line(out, Text(f"Credits, {report.since} to {report.today} (which is not over)", "bold"))
    _line(out, Text(f"as of {moment(report.made_at)} UTC; days are business days"))
    if report.is_clipped:
        _line(out, Text("the history is no longer than this"))
    _line(out, Text(f"system health: {health['status']}", _STYLES.get(health["status"], "")))
    for reason in health["reasons"]:
        _line(out, Text(f"  {harmless(reason)}"))
    rate = health["refund_rate_24h_pct"]
    _line(
        out,
        Text(
            f"in flight {health['in_flight']:,}, past their deadline {health['stuck']:,}; "
            f"last hour {health['finished_1h']:,} finished, {health['failures_1h']:,} failed; "
            f"refund rate of 24 h {NONE if rate is None else f'{rate} %'}; "
            f"owed {health['owed_credits']:,} credits in {health['owed_refunds']:,} refunds; "
            f"ledger violations {health['ledger_violations']:,}"
        ),
    )
    if report.is_empty:
        _line(out, Text("nothing was generated in this time"))
    for key, table in report.tables.items():
        if not compact or key in COMPACT:
            out.print()
            _show_table(out, table, report, _IN_PAGE_ONLY if compact else frozenset())


def _show_table(
    out: Console, table: Table, report: Report, left_out: frozenset[tuple[str, str]]
) -> None:
    title = table.title
    if table.total is not None and table.total > len(table.rows):
        title += f": the first {len(table.rows):,} of {table.total:,}"
    if not table.rows:
        _line(out, Text(title, "bold"))
        _line(out, Text(table.nothing))
        return
    kept = [
        (place, column)
        for place, column in enumerate(table.columns)
        if (table.key, column.name) not in _ONLY_ELSEWHERE | left_out
        and column.name not in _BENEATH.values()
    ]
    grid = Grid(
        title=Text(title, "bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    for _, column in kept:
        if column.kind.is_number:
            # A heading of two words may be broken, a figure must not.
            label = column.label.replace(" ", "\n")
            width = max(map(len, label.split()))
            grid.add_column(label, justify="right", no_wrap=True, min_width=width)
        else:
            fixed = column.kind in (Kind.DAY, Kind.MONTH, Kind.ID)
            grid.add_column(column.label, overflow="fold", no_wrap=fixed)
    for row in table.rows:
        cells = []
        for place, _ in kept:
            text = _text(table, row, place, report.today)
            cells.append(Text(_printable(out, text.replace(" (so far)", "*"))))
        grid.add_row(*cells)
    out.print(grid, soft_wrap=False)
    if table.is_daily and any(row[0] == report.today for row in table.rows):
        _line(out, Text("* so far", "dim"))


def _text(table: Table, row: tuple[Any, ...], place: int, today: date) -> str:
    """A cell's text, with that of the column which stands beneath it, in lines no longer."""
    text = shown(row[place], table.columns[place].kind, today)
    beneath = _BENEATH.get(table.columns[place].name)
    for column, value in zip(table.columns, row, strict=False):
        if column.name == beneath and value is not None:
            text = "\n".join((text, *wrap(shown(value, column.kind, today), len(text))))
    return text


def _printable(out: Console, text: str) -> str:
    """The text with a ? for each letter that this terminal cannot show."""
    return text.replace(NONE, "-").encode(out.encoding, "replace").decode(out.encoding)


def _line(out: Console, text: Text) -> None:
    text.plain = _printable(out, text.plain)
    out.print(text, soft_wrap=False, highlight=False)
