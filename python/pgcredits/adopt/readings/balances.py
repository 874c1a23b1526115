"""The plausible readings of tables with balances: which of their columns add up."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations, islice, product
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pgcredits.adopt.readings.code import Said, contradictions, is_generic
from pgcredits.adopt.readings.trying import HeldColumn
from pgcredits.adopt.source import vocabulary
from pgcredits.adopt.source.vocabulary import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pgcredits.adopt.plan.model import Balances

#: Of a table with more columns that may be balances, these are tried.
_MOST_COLUMNS = 6
#: So many readings of all tables together are tried.
_MOST_READINGS = 96


@dataclass(frozen=True)
class TableReading:
    """How one table would be read.

    Attributes:
        part: As the plan would say it; without buckets = it holds nothing of its own.
        is_plausible: Whether names allow it, or only rows or code may show it.
        against: What code says against it.
    """

    part: Balances
    is_plausible: bool = True
    against: tuple[str, ...] = ()

    @property
    def adding(self) -> tuple[str, ...]:
        """The columns that add up."""
        included = {name for bucket in self.part.buckets for name in bucket.parts}
        return tuple(one.column for one in self.part.buckets if one.column not in included)


@dataclass(frozen=True, eq=False)
class BalanceReading:
    """How all tables with balances would be read; the first reading is that of names alone."""

    tables: tuple[TableReading, ...]
    place: int

    @property
    def held(self) -> frozenset[HeldColumn]:
        """The columns that add up."""
        return frozenset(
            HeldColumn(one.part.table, name, one.part.dead)
            for one in self.tables
            for name in one.adding
        )

    @property
    def parts(self) -> tuple[Balances, ...]:
        """The tables that hold something, as a plan says it."""
        return tuple(one.part for one in self.tables if one.part.buckets or one.part.summed)

    @property
    def is_plausible(self) -> bool:
        """Whether names allow it."""
        return all(one.is_plausible for one in self.tables)

    @property
    def is_unlikely(self) -> bool:
        """Whether a column adds up that names do not call a balance, and code does not move."""
        return any(not one.is_plausible and one.part.buckets for one in self.tables)

    @property
    def against(self) -> tuple[str, ...]:
        """What code says against it."""
        return tuple(chain.from_iterable(one.against for one in self.tables))

    def __str__(self) -> str:
        """The columns that add up."""
        several = len(self.tables) > 1
        return " + ".join(
            f"{one.part.table}.{name}" if several else name
            for one in self.tables
            for name in one.adding
        )

    @property
    def settings(self) -> str:
        """The settings of a plan that say so."""
        said = []
        for one in self.tables:
            if one.part.dead:
                said.append(f'dead = "{one.part.dead}"')
            for bucket in one.part.buckets:
                if bucket.parts:
                    names = ", ".join(f'"{name}"' for name in bucket.parts)
                    listed = names if len(bucket.parts) == 1 else f"[{names}]"
                    said.append(f"bucket {bucket.column} with includes = {listed}")
        left = [one.part.table for one in self.tables if not (one.part.buckets or one.part.summed)]
        said += [f"without {table}" for table in left]
        return "; ".join(said) or "without includes and dead"


def balance_readings(
    parts: Iterable[Balances], said: Mapping[str, Said]
) -> tuple[BalanceReading, ...]:
    """Every plausible reading of all tables together, that of their names first.

    Args:
        parts: The tables, with a bucket for each column that may hold credits.
        said: What code says of them, by table.
    """
    parts = tuple(parts)
    by_table = [
        (*_table_readings(part, said.get(part.table, Said())), *_copies(part, parts))
        for part in parts
    ]
    found = []
    for n, tables in enumerate(islice(product(*by_table), _MOST_READINGS)):
        if any(one.part.buckets or one.part.summed for one in tables):
            found.append(BalanceReading(tables, n))
    return tuple(found)


def _copies(part: Balances, parts: tuple[Balances, ...]) -> Iterator[TableReading]:
    """One of several tables may only repeat what another holds."""
    if len(parts) > 1 and not part.summed:
        yield TableReading(replace(part, buckets=()), is_plausible=False)


def least_contradicted(candidates: Iterable[BalanceReading]) -> list[BalanceReading]:
    """Those that code contradicts least, the likeliest by its names first."""
    ordered = sorted(
        candidates, key=lambda one: (len(one.against), not one.is_plausible, one.place)
    )
    first = ordered[0]
    return [
        one
        for one in ordered
        if (len(one.against), one.is_plausible) == (len(first.against), first.is_plausible)
    ]


def _table_readings(part: Balances, said: Said) -> Iterator[TableReading]:
    named = [bucket.column for bucket in part.buckets]
    columns = sorted(named, key=lambda name: (_needs_showing(name), named.index(name)))
    columns = columns[:_MOST_COLUMNS]
    if part.summed or not columns:
        yield TableReading(part)
        return
    # Rows that a column calls dead may count all the same.
    for adding, dead in product(_subsets(columns), dict.fromkeys((part.dead, ""))):
        reading = _reading(replace(part, dead=dead), columns, set(adding), said)
        if reading is not None:
            yield reading


def _subsets(columns: list[str]) -> Iterator[tuple[str, ...]]:
    """First all that names call balances, then fewer, and others with them."""
    ordered = sorted(columns, key=lambda name: (_needs_showing(name), columns.index(name)))
    usual = [name for name in ordered if not _needs_showing(name)]
    if usual:
        yield tuple(usual)
    for size in range(len(ordered), 0, -1):
        for chosen in combinations(ordered, size):
            if list(chosen) != usual:
                yield chosen


def _reading(
    part: Balances, columns: list[str], adding: set[str], said: Said
) -> TableReading | None:
    """The reading in which these columns add up; None = it makes no sense."""
    if not adding:
        return None
    totals = [name for name in columns if name in adding and _may_include(name, said)]
    # A table's only column was not taken for a balance by its name alone.
    is_plausible = len(columns) == 1 or all(
        name in said.balances or not _needs_showing(name) for name in adding
    )
    parts: dict[str, list[str]] = {}
    for name in columns:
        if name in adding:
            continue
        total = next((one for one in totals if (one, name) in said.includes), None)
        if total is None and not (_is_unsure(name) or _needs_showing(name)):
            # A balance that does not add up is part of another.
            if not totals:
                return None
            total = totals[0]
        if total is not None:
            parts.setdefault(total, []).append(name)
    if any(_is_total(name) for name in adding) and len(adding) > 1:
        return None
    by_total = {total: tuple(names) for total, names in parts.items()}
    return TableReading(
        replace(
            part,
            buckets=tuple(
                replace(bucket, includes=_written(by_total.get(bucket.column, ())))
                for bucket in part.buckets
                if bucket.column in adding or bucket.column in chain(*by_total.values())
            ),
            allowance="" if part.allowance in adding else part.allowance,
        ),
        is_plausible,
        tuple(contradictions(said, adding, by_total)),
    )


def _may_include(name: str, said: Said) -> bool:
    return is_generic(name) or _is_total(name) or any(total == name for total, _ in said.includes)


def _is_unsure(name: str) -> bool:
    return bool(vocabulary.UNSURE.match(plain(name)))


def _is_total(name: str) -> bool:
    return bool(vocabulary.TOTAL.match(plain(name)))


def _needs_showing(name: str) -> bool:
    return vocabulary.needs_showing(plain(name))


def _written(names: tuple[str, ...]) -> str | tuple[str, ...]:
    return names[0] if len(names) == 1 else names
