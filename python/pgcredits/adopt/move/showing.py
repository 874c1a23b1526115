"""A proof on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from pgcredits.adopt.move.proving import Proof


def show_proof(out: Console, err: Console, proof: Proof) -> None:
    """Print the totals, and what differs."""
    table = Table("", "before", "after")
    table.columns[1].justify = table.columns[2].justify = "right"
    table.add_row("credits", f"{proof.found:,}", f"{proof.in_ledger:,}")
    if proof.forgiven:
        table.add_row("  of that, below 0 and forgiven", f"{-proof.forgiven:,}", "0")
    if proof.expired:
        table.add_row("  of that, expired", f"{proof.expired:,}", "0")
    if proof.unowned:
        table.add_row("credits of nobody, left there", f"{proof.unowned:,}", "-")
    for name, (before, after) in proof.rows.items():
        table.add_row(f"rows of {name}", f"{before:,}", f"{after:,}")
    out.print(table, soft_wrap=False)
    for one in proof.differences:
        err.print(
            f"{one.what} {one.user_id}: {one.before} before, {one.after} after",
            markup=False,
            highlight=False,
        )
