"""``pgcredits verify``: prove the ledger, alone or against heads that were exported earlier."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated
from uuid import UUID  # noqa: TC003 - typer reads the annotation

import typer
from rich.table import Table
from rich.text import Text

from pgcredits.cli.app import app
from pgcredits.cli.bars import Bars
from pgcredits.cli.console import err, out, print_error_line, print_json, print_line
from pgcredits.cli.options import DsnOption, Format, FormatOption
from pgcredits.errors import LedgerViolationError
from pgcredits.verify import KEPT_VIOLATIONS, Verification
from pgcredits.verify import verify as verify_ledger

if TYPE_CHECKING:
    from typing import Any, Self

#: At most so many violations are printed as a table.
SHOWN = 50
#: How often a line says how far the verification has come, where there is no terminal for a bar.
SECONDS_BETWEEN_LINES = 30


class Narrator:
    """Tells on stderr how far a verification has come: a bar, or now and then a line."""

    def __init__(self) -> None:
        """Nothing has been verified yet."""
        self._bars = Bars()
        self._told_at = time.monotonic()
        self._has_begun = False

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bars.__enter__()
        return self

    def __exit__(self, error: object, *rest: object) -> None:
        """End the bar."""
        self._bars.__exit__(error, *rest)

    def step(self, description: str) -> None:
        """A step begins."""
        self._bars.scene(description)

    def part(self, ledger_rows: int, total_rows: int) -> None:
        """So many rows of so many have been verified."""
        if not self._has_begun:
            self._has_begun = True
            self._bars.scene("ledger rows", total_rows)
        self._bars.reach(ledger_rows)
        if not err.is_terminal and time.monotonic() - self._told_at >= SECONDS_BETWEEN_LINES:
            self._told_at = time.monotonic()
            print_error_line(f"verified {ledger_rows:,} of {total_rows:,} ledger rows")


@app.command()
def verify(
    dsn: DsnOption = "",
    user: Annotated[UUID | None, typer.Option(help="Verify this user only.")] = None,
    heads: Annotated[
        Path | None,
        typer.Option(
            help="Heads exported earlier and kept elsewhere: each must still be in the ledger, "
            "so that a history rewritten or cut off since then shows.",
        ),
    ] = None,
    save_heads: Annotated[
        Path | None,
        typer.Option(
            help="Export each user's last row and its hash to this file (CSV), if there are no "
            "violations.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Keep in this file how far the verification has come. Where the file exists, go "
            "on from there, with the same options. At the end it is removed.",
        ),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Prove that every credit can be explained. Changes nothing.

    It verifies one range of users after the other, each in a snapshot of its own, and a user of
    many rows in pieces. Heads that are saved are those up to which the ledger was proved.

    Exit status: 0 if the ledger proves itself, 7 if there are violations, 19 if a file of heads
    or of progress cannot be read, understood or written.
    """
    if user and save_heads:
        raise typer.BadParameter("--save-heads exports all users: leave --user out")
    with Narrator() as narrator:
        found = verify_ledger(
            dsn,
            user=user,
            heads=heads,
            save_heads=save_heads,
            resume=resume,
            on_step=narrator.step,
            on_part=narrator.part,
        )
    if output_format is Format.JSON:
        print_json(as_json(found))
    else:
        show(found, save_heads)
    require_none(found)


def as_json(found: Verification) -> dict[str, Any]:
    """The result as a document for scripts; of very many violations only the first."""
    return {
        "violations": found.total,
        "ledger_rows": found.ledger_rows,
        "users": found.users,
        "heads_checked": found.heads_checked,
        "heads_saved": found.heads_saved,
        "by_kind": dict(found.by_kind),
        "found": [
            {
                name: value if value is None else str(value)
                for name, value in dataclasses.asdict(violation).items()
            }
            for violation in found.violations
        ],
        "complete": found.total <= KEPT_VIOLATIONS,
    }


def show(found: Verification, save_heads: Path | None = None) -> None:
    """Print the result for people."""
    if found.total:
        table = Table("kind, user, transaction", "expected", "actual", "rule")
        for column in table.columns:
            column.overflow = "fold"
        table.columns[0].no_wrap = True  # an id in pieces could not be pasted
        for violation in found.violations[:SHOWN]:
            what = (violation.kind, violation.user_id, violation.transaction_id)
            names = "\n".join(str(one) for one in what if one)
            words = (names, violation.expected, violation.actual, violation.detail)
            table.add_row(*(Text(word or "") for word in words))
        out.print(table, soft_wrap=False)
        if found.total > SHOWN:
            out.print(f"... the first {SHOWN} of {found.total:,}:", highlight=False)
            for kind, number in found.by_kind.most_common():
                out.print(f"{number:>12,} {kind}", highlight=False)
    else:
        out.print(found.sentence(), highlight=False)
    if found.heads_saved is not None:
        print_line(f"{found.heads_saved:,} heads saved to {save_heads}")


def require_none(found: Verification) -> None:
    """End the command with its exit status if there are violations.

    Raises:
        LedgerViolationError: There are violations.
    """
    if found.total:
        raise LedgerViolationError(
            found.sentence(),
            "Somebody has bypassed the functions, or there is a fault in them: stop sales, "
            "keep a copy of the database, and compare it with a backup.",
        )
