"""An inspection for people and for scripts: terminal, JSON, and a page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table as Grid
from rich.text import Text

from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.inspect.faults import Severity
from pgcredits.output.html import render
from pgcredits.printable import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from pgcredits.adopt.inspect.faults import Fault
    from pgcredits.adopt.inspect.inspection import Inspection

VERSION = 1
#: So many users are printed; the JSON document has all.
USERS_SHOWN = 10
_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: ""}


def grouped(faults: Iterable[Fault]) -> list[list[Fault]]:
    """Groups of faults: the same fault of several functions or tables in one."""
    by = [list(group) for _, group in groupby(faults, key=lambda one: (one.number, one.title))]
    together: dict[tuple[str, str], list[Fault]] = {}
    for group in by:
        together.setdefault((group[0].number, group[0].title), []).extend(group)
    return list(together.values())


def show(out: Console, found: Inspection) -> None:
    """Print the inspection on the terminal."""
    discovery = found.discovery
    _line(out, f"{found.database}, {', '.join(found.schemas)}: {discovery.shape}", "bold")
    if discovery.recognised:
        grid = _grid("", ("table", "read as", "sure %", "because"), numbers=("sure %",))
        for one in discovery.recognised:
            grid.add_row(*_cells(one.table, one.role, one.sure_pct, "; ".join(one.because)))
        out.print(grid, soft_wrap=False)
    if discovery.plan.balances:
        _line(out, discovery.proof)
    for line in discovery.reasons:
        _line(out, line)
    for line in discovery.plan.undecided:
        _line(out, line, "yellow")
    for table, column, word in discovery.unread:
        _line(out, f"{table}: nobody knows what {column} = {word!r} means", "yellow")
    for line in discovery.asides:
        _line(out, f"left aside: {line}")
    for table, why in discovery.not_understood:
        _line(out, f"not understood: {table}: {why}", "red")
    for function, table in discovery.failing:
        _line(out, f"will fail after the cut-over: {function}, and writes to {table} with it")
    _show_faults(out, found)
    _show_owed(out, found)
    if found.leftovers:
        grid = _grid("Nothing uses", ("", "name", "because"))
        for item in found.leftovers:
            grid.add_row(*_cells(item.what, item.name, item.because))
        out.print(grid, soft_wrap=False)


def _show_faults(out: Console, found: Inspection) -> None:
    if not found.faults:
        _line(out, "no faults found", "green")
        return
    grid = _grid("Faults", ("no.", "what", "rows", "credits", "where"), ("rows", "credits"))
    for group in grouped(found.faults):
        first = group[0]
        grid.add_row(
            Text(first.number, _STYLES[first.severity]),
            Text(harmless(f"{first.title}: {first.detail}" if len(group) == 1 else first.title)),
            Text(_sum(group, "rows")),
            Text(_sum(group, "credits")),
            Text(harmless(_places(group))),
        )
    out.print(grid, soft_wrap=False)


def _show_owed(out: Console, found: Inspection) -> None:
    if not found.owed:
        return
    total = sum(one.owed for one in found.owed)
    _line(
        out, f"{total:,} credits are owed to {len(found.owed):,} users for work that failed", "bold"
    )
    grid = _grid(
        "",
        ("user", "tasks", "charged", "refunded", "owed"),
        ("tasks", "charged", "refunded", "owed"),
    )
    for one in found.owed[:USERS_SHOWN]:
        grid.add_row(*_cells(one.user_id, one.tasks, one.charged, one.refunded, one.owed))
    out.print(grid, soft_wrap=False)
    if len(found.owed) > USERS_SHOWN:
        _line(out, f"... and {len(found.owed) - USERS_SHOWN:,} more")


def as_json(found: Inspection) -> dict[str, Any]:
    """The inspection as a document for scripts."""
    keyless = found.discovery.keyless
    return {
        "version": VERSION,
        "database": found.database,
        "schemas": list(found.schemas),
        "shape": found.discovery.shape,
        "recognised": [asdict(one) for one in found.discovery.recognised],
        "proof": found.discovery.proof,
        "reasons": list(found.discovery.reasons),
        "undecided": list(found.discovery.plan.undecided),
        "unread_words": [
            dict(zip(("table", "column", "word"), one, strict=True))
            for one in found.discovery.unread
        ],
        "left_aside": [
            {"table": table, "columns": list(columns), "has_key": table not in keyless}
            for table, columns in found.discovery.aside
        ],
        "failing_triggers": [
            {"function": function, "table": table} for function, table in found.discovery.failing
        ],
        "not_understood": [
            {"table": table, "because": why} for table, why in found.discovery.not_understood
        ],
        "faults": [{**asdict(one), "severity": one.severity.value} for one in found.faults],
        "owed": [{**asdict(one), "user_id": str(one.user_id)} for one in found.owed],
        "unused": [asdict(one) for one in found.leftovers],
    }


def to_json(found: Inspection) -> str:
    """The document for scripts as text."""
    return json.dumps(as_json(found), indent=2) + "\n"


def to_html(found: Inspection) -> str:
    """One HTML page, without scripts, that loads nothing from elsewhere.

    Raises:
        AdoptionError: The package that fills it in is not installed.
    """
    try:
        return render(
            "pgcredits.adopt.inspect",
            "inspection.html.j2",
            found=found,
            groups=grouped(found.faults),
            total=_sum,
            owed=sum(one.owed for one in found.owed),
            harmless=harmless,
        )
    except ImportError as error:
        raise AdoptionError(
            f"the HTML page needs a package that is not installed: {error.name}",
            "Install it: pip install 'pgcredits[report]'",
        ) from None


def _places(faults: list[Fault]) -> str:
    """Where faults are; functions without their arguments, which the JSON document has."""
    names = [name for one in faults for name in re.sub(r"\([^)]*\)", "", one.where).split(", ")]
    return ", ".join(dict.fromkeys(names))


def _sum(faults: list[Fault], what: str) -> str:
    counted = [getattr(one, what) for one in faults if getattr(one, what) is not None]
    return f"{sum(counted):,}" if counted else ""


def _grid(title: str, columns: tuple[str, ...], numbers: tuple[str, ...] = ()) -> Grid:
    grid = Grid(
        title=Text(title, "bold") if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in columns:
        if name in numbers:
            grid.add_column(name, justify="right", no_wrap=True)
        else:
            grid.add_column(name, overflow="fold")
    return grid


def _cells(*values: object) -> list[Text]:
    return [
        Text(f"{value:,}" if isinstance(value, int) else harmless(str(value))) for value in values
    ]


def _line(out: Console, text: str, style: str = "") -> None:
    out.print(Text(harmless(text), style), soft_wrap=False, highlight=False)
