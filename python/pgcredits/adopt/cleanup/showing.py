"""What could be removed, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcredits.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pgcredits.adopt.cleanup.cleaning import Cleanup


def show(out: Console, found: Cleanup) -> None:
    """Print the leftovers, and why the rest of what was named stays."""
    for one in found.leftovers:
        more = ""
        if one.name in found.row_counts:
            empty = found.empty_rows.get(one.name, 0)
            more = (
                f" ({found.row_counts[one.name]:,} rows, of which {empty:,} hold nothing;"
                f" written {found.writes[one.name]:,} times)"
            )
        line = printable(f"{one.what} {one.name}: {one.because}{more}")
        out.print(line, markup=False, highlight=False)
    for kept in found.kept:
        line = printable(f"kept {kept.name}: {kept.because}")
        out.print(line, markup=False, highlight=False)
    if not found.leftovers:
        out.print("nothing of what was named can go")
