"""Print what happened: in plain ASCII words, and narrow enough for any terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pgcredits.demo.client import Tally
    from pgcredits.demo.results import Results


def show(out: Console, results: Results) -> None:
    """Everything, in the order of a tale: what was done, refused, and what came of it."""
    for table in (
        calls_by_function(results.tally),
        refused_calls(results.tally),
        balances(results.balances),
        ledger(results.ledger, _names(results.lots)),
        lots(results.lots, _names(results.lots)),
        trial_balance(results.trial_balance),
    ):
        out.print(table, soft_wrap=False)
        out.print()
    lines = (
        f"{results.tally.calls:,} calls through {results.connections} connections in "
        f"{results.seconds:.1f} s: {results.calls_per_second:,.0f} calls/s here",
        f"verify_ledger: {results.verification.sentence()}",
        f"the same totals again: pgcredits demo --seed {results.seed} --users {results.users}",
    )
    for line in lines:
        out.print(line, soft_wrap=False, markup=False, highlight=False)


def calls_by_function(tally: Tally) -> Table:
    """New: it did something. Replayed: it repeated the answer of an earlier call."""
    table = _table("Calls", "function", "new", "replayed", "refused", "credits")
    for function in tally.functions:
        counts = (tally.done, tally.replayed, tally.refused, tally.credits)
        table.add_row(function, *(_number(count[function]) for count in counts))
    table.add_section()
    totals = (tally.done, tally.replayed, tally.refused)
    table.add_row("all", *(_number(count.total()) for count in totals), "")
    return table


def refused_calls(tally: Tally) -> Table:
    """What an application gets to see, once for each kind."""
    said_first = "code, message, hint of the first"
    table = _table("Refused calls", "SQLSTATE", said_first, "calls", words=[said_first])
    for kind, calls in sorted(tally.refusals.items()):
        sample = tally.samples[kind]
        said = Text(sample.code or "(PostgreSQL's own error)", style="bold")
        said.append(f"\n{sample}", style="not bold")
        if sample.hint:
            said.append(f"\n{sample.hint}", style="not bold dim")
        table.add_row(sample.sqlstate, said, _number(calls))
    return table


def balances(rows: list[Any]) -> Table:
    """The view balances_by_plan."""
    table = _table("Balances by plan", "plan", "users", "with credits", "credits")
    for row in rows:
        table.add_row(
            row.plan or "(none)",
            _number(row.users),
            _number(row.users_with_credits),
            _number(row.outstanding_credits),
        )
    return table


def ledger(rows: list[Any], names: dict[str, str]) -> Table:
    """One user's ledger, every row with the lots that it moved."""
    columns = ("#", "day", "what", "credits", "balance", "lots")
    table = _table("The ledger of one user", *columns, words=["what", "lots"])
    for row in rows:
        what = row.source or row.transaction_type
        if row.reason:
            what = row.reason if row.reason.startswith(what) else f"{what}: {row.reason}"
        table.add_row(
            str(row.seq),
            f"{row.created_at:%m-%d}",
            what,
            f"{row.credits:+,}",
            _number(row.balance_after),
            " ".join(f"{names[leg['lot_id']]}{leg['credits']:+}" for leg in row.allocations),
        )
    return table


def lots(rows: list[Any], names: dict[str, str]) -> Table:
    """Where this user's credits came from, and what is left of them."""
    columns = ("lot", "source", "granted", "left", "owed", "expires")
    table = _table("The lots of this user", *columns, words=["source"])
    for row in rows:
        table.add_row(
            names[row.lot_id],
            row.source,
            _number(row.granted),
            _number(row.remaining),
            _number(row.revoked_owed),
            f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "never",
        )
    return table


def trial_balance(rows: list[Any]) -> Table:
    """The view trial_balance: whatever enters a wallet has left another account."""
    table = _table("Trial balance", "account", "credits")
    for row in rows:
        table.add_row(row.account, f"{row.credits:+,}")
    table.add_section()
    table.add_row("sum", _number(sum(row.credits for row in rows)))
    return table


def _table(title: str, *columns: str, words: Sequence[str] = ()) -> Table:
    """Columns of numbers, which are never broken, but the first and those named in `words`."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in columns:
        if name == columns[0] or name in words:
            table.add_column(name, overflow="fold")
        else:
            table.add_column(name, justify="right", no_wrap=True)
    return table


def _names(rows: list[Any]) -> dict[str, str]:
    """A, B, C ... for lots, since nobody reads uuids."""
    return {row.lot_id: chr(ord("A") + number) for number, row in enumerate(rows)}


def _number(number: int) -> str:
    return f"{number:,}"
