"""Print what happened: in plain ASCII words, and narrow enough for most terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pgcredits.demo.results import Outcome, Results, Wrong

#: So many wrong generations are listed.
SHOWN = 20


def show(out: Console, results: Results) -> None:
    """Print one user's months, then every scenario, and the totals."""
    tables = [
        ledger(results.ledger, _names(results.lots)),
        lots(results.lots, _names(results.lots)),
        outcomes(results.outcomes),
    ]
    if results.wrong:
        tables.append(wrong_nets(results.wrong))
    for table in (*tables, alerts(results.alerts), trial_balance(results.trial_balance)):
        out.print(table, soft_wrap=False)
        out.print()
    play = results.play
    for line in (
        f"{play.calls:,} calls, {play.replays:,} of them replays, through {play.connections} "
        f"connections in {play.seconds:.1f} s",
        f"net prices: {verdict(results)}",
        f"verify_ledger: {results.verification.sentence()}",
    ):
        out.print(line, soft_wrap=False, markup=False, highlight=False)


def verdict(results: Results) -> str:
    """Whether every generation cost what it should."""
    total = f"{len(results.play.orders):,}"
    if results.wrong:
        return f"{len(results.wrong):,} of {total} generations are WRONG"
    return f"right for each of {total} generations"


def outcomes(rows: list[Outcome]) -> Table:
    """What each scenario came to; right = every single generation cost what it should."""
    columns = ("scenario", "generations", "charged", "refunded", "net", "right")
    table = _table("Generations", *columns)
    for row in rows:
        table.add_row(
            row.scenario.title,
            _number(row.generations),
            _number(row.charged),
            _number(row.refunded),
            _number(row.net),
            Text("NO", style="bold red") if row.wrong else "yes",
        )
    table.add_section()
    sums = (
        sum(row.generations for row in rows),
        sum(row.charged for row in rows),
        sum(row.refunded for row in rows),
        sum(row.net for row in rows),
    )
    wrong = any(row.wrong for row in rows)
    table.add_row("all", *map(_number, sums), "NO" if wrong else "yes")
    return table


def wrong_nets(rows: list[Wrong]) -> Table:
    """The first generations that did not end as they should."""
    columns = ("scenario, generation", "ended as", "charged", "net", "owed")
    table = _table("Wrong", *columns, words=["ended as"])
    for row in rows[:SHOWN]:
        table.add_row(
            f"{row.scenario}\n{row.generation_id}",
            row.status,
            _number(row.charged),
            _number(row.net),
            "?" if row.owed is None else _number(row.owed),
        )
    return table


def alerts(rows: list[Any]) -> Table:
    """What the operators are told, by type."""
    table = _table("Alerts", "type", "open", "resolved")
    for row in rows:
        table.add_row(row.type, _number(row.open), _number(row.resolved))
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
    """The view trial_balance: credits that enter a wallet have left another account."""
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
