"""A proof on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from pgcredits.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pgcredits.adopt.move.proving import Proof


def show_proof(out: Console, err: Console, proof: Proof) -> None:
    """Print the totals, and what differs."""
    table = Table("", "before", "after", "by its history")
    for column in table.columns[1:]:
        column.justify = "right"
    told = f"{proof.by_history:,f}" if proof.by_history is not None else "it does not say"
    table.add_row("credits", f"{proof.found:,}", f"{proof.in_ledger:,}", told)
    if proof.forgiven:
        table.add_row("  of that, below 0 and forgiven", f"{-proof.forgiven:,}", "0")
    if proof.expired:
        table.add_row("  of that, expired", f"{proof.expired:,}", "0")
    if proof.rounded:
        table.add_row("  before they were rounded", f"{proof.found + proof.rounded:,f}")
    if proof.unexplained:
        table.add_row("  users differ, all together", "", "", f"{proof.unexplained:,f}")
    if proof.unowned:
        table.add_row("credits of nobody, left there", f"{proof.unowned:,}", "-")
    if proof.dead:
        table.add_row("credits of dead rows, left there", f"{proof.dead:,}", "-")
    for name, (before, after) in proof.rows.items():
        table.add_row(f"rows of {name}", f"{before:,}", f"{after:,}")
    out.print(table, soft_wrap=False)
    for user in proof.disagreeing:
        err.print(printable(f"user {user}"), markup=False, highlight=False)
    for one in proof.differences:
        err.print(
            f"{one.what} {one.user_id}: {one.before} before, {one.after} after",
            markup=False,
            highlight=False,
        )
