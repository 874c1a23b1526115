"""Who is owed or got how much, on the terminal and as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pgcredits.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from pgcredits.adopt.settle.paying import User

#: So many users are printed; the file has all.
USERS_SHOWN = 20


def show_users(out: Console, users: list[User], *, paid: bool) -> None:
    """Print who is owed or got how much."""
    total = sum(user.paid if paid else user.owed for user in users)
    if not users:
        out.print("nothing is owed")
        return
    table = Table("user", "generations", "owed", "paid")
    table.columns[0].no_wrap = True  # an id in pieces could not be pasted
    for column in table.columns[1:]:
        column.justify = "right"
    for user in users[:USERS_SHOWN]:
        table.add_row(
            Text(printable(user.external_user_id or str(user.user_id))),
            f"{len(user.generations):,}",
            f"{user.owed:,}",
            f"{user.paid:,}",
        )
    out.print(table, soft_wrap=False)
    if len(users) > USERS_SHOWN:
        out.print(f"... and {len(users) - USERS_SHOWN:,} more", highlight=False)
    out.print(
        f"{total:,} credits {'paid to' if paid else 'are owed to'} {len(users):,} users",
        highlight=False,
    )


def as_csv(users: Iterable[User]) -> str:
    """A row for each user, to mail from."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        ("user_id", "generations", "credits_owed", "credits_paid", "error", "external_user_id")
    )
    for user in users:
        writer.writerow(
            (
                user.user_id,
                " ".join(str(one) for one in user.generations),
                user.owed,
                user.paid,
                "; ".join(user.errors),
                user.external_user_id,
            )
        )
    return file.getvalue()
