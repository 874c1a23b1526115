"""A proof on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from pgcredits.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from pgcredits.adopt.move.proving import Proof, Rehearsal


def show_rehearsal(out: Console, err: Console, found: Rehearsal) -> None:
    """Print what a run would do."""
    show_proof(out, err, found.proof, after="after" if found.is_done else "would come")
    if found.is_done:
        out.print("an earlier run has moved it over")
    if found.in_flight:
        out.print(f"tasks in flight that would go on: {found.in_flight:,}")
    if found.owed:
        out.print(f"{found.owed:,} credits would be owed to {found.owed_users:,} users")
    if found.closed:
        named = printable(f"writes would be refused to: {', '.join(found.closed)}")
        out.print(named, markup=False, highlight=False)
    out.print("nothing was changed, and nobody had to wait: one read-only transaction")


def show_proof(out: Console, err: Console, proof: Proof, after: str = "after") -> None:
    """Print the totals, and what differs."""
    table = Table("", "before", after, "by its history")
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
    for name, (old_rows, new_rows) in proof.rows.items():
        table.add_row(f"rows of {name}", f"{old_rows:,}", f"{new_rows:,}")
    out.print(table, soft_wrap=False)
    for user in proof.disagreeing:
        err.print(printable(f"user {user}"), markup=False, highlight=False)
    for one in proof.differences:
        err.print(
            f"{one.what} {one.user_id}: {one.before} before, {one.after} after",
            markup=False,
            highlight=False,
        )
