"""Older credit systems to move over: their tables and functions, with data worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import psycopg

SHAPES = Path(__file__).parent / "shapes"
NAMES = ("photo_platform", "single_column", "running_ledger", "typed_amounts", "credit_debit")


#: Where pgcredits is installed, its plan brings what the photo platform's tier does.
PLANS = """
do $$
begin
    if to_regclass('credits.plans') is not null then
        update credits.plans set monthly_credits = 50 where plan = 'pro';
    end if;
end
$$
"""


def load(conn: psycopg.Connection[Any], shape: str, *, dirty: bool) -> None:
    """One of the shapes, with its data."""
    conn.execute(PLANS)
    conn.execute((SHAPES / f"{shape}.sql").read_bytes())
    conn.execute((SHAPES / f"{shape}.{'dirty' if dirty else 'clean'}.sql").read_bytes())


def user(number: int) -> UUID:
    """The id of a user of the data, by number."""
    return UUID(int=number)


def task(number: int) -> UUID:
    """The id of a task of the data, by number."""
    return UUID(int=0xA000 + number)


class Nobody:
    """A watcher of a run that prints nothing."""

    def scene(self, title: str, steps: int | None = None) -> None:
        pass

    def reach(self, steps: int) -> None:
        pass
