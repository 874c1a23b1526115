"""Choose the reading of an older system's balances that explains most users, or ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace

from pgcredits.adopt.readings.against_history import brings_credits, held
from pgcredits.adopt.readings.balances import balance_readings, least_contradicted
from pgcredits.adopt.readings.code import what_code_says
from pgcredits.adopt.readings.histories import month_movements, movements, signed
from pgcredits.adopt.readings.judging import widened
from pgcredits.adopt.readings.trying import Movement, Trials
from pgcredits.adopt.readings.units import with_units
from pgcredits.adopt.source import vocabulary
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from pgcredits.adopt.plan.model import History, Plan
    from pgcredits.adopt.readings.balances import BalanceReading
    from pgcredits.adopt.readings.histories import Words
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]

#: A reading is believed by the history's word where it explains so many of the users.
NEARLY_ALL = 0.9
#: An opening is believed only where at least so many users may have it.
_LEAST_USERS = 20
#: A reading against all names is believed only where it explains so many: fewer may be chance.
_LEAST_UNLIKELY = 5
#: So many pairs of readings are tried at once, and so many with an opening.
_MOST_PAIRS = 600
_MOST_OPENINGS = 24
#: So many of the readings between which a person must choose are named.
_MOST_NAMED = 4

_TOTAL_HELD = read_template(__package__, "total_held.sql")


@dataclass(frozen=True)
class _Choice:
    """Readings that explain the same number of users.

    Attributes:
        readings: Those of the balances.
        movements: For each of these, the likeliest reading of the history by which it does.
        users: How many they are.
    """

    readings: tuple[BalanceReading, ...]
    movements: dict[BalanceReading, Movement]
    users: int


def decide(conn: Connection, catalog: Catalog, plan: Plan, words: Words) -> Plan:
    """The plan with the reading of its balances that the database supports best.

    Questions that it does not answer are left in the plan's undecided.

    Args:
        conn: Rows as named tuples.
        catalog: The older system's.
        plan: How names would read it.
        words: The words of the status of histories, by their table.
    """
    plan = with_units(conn, catalog, plan)
    if not plan.balances:
        return plan
    if all(part.summed for part in plan.balances):
        return _with_sum(conn, plan, words)
    wide = widened(plan, catalog)
    readings = balance_readings(wide.balances, what_code_says(catalog, wide))
    trial = _Trial(conn, catalog, wide, readings)
    choice = trial.choice(words)
    tied = least_contradicted(
        choice.readings if choice else [one for one in readings if one.is_plausible]
    )
    if not choice:
        tied += _copies(readings, trial.totals)
    plan = replace(plan, balances=tied[0].parts)
    if choice:
        plan = _explained_by(plan, choice.movements[tied[0]], conn)
    questions = _questions(tied, trial.totals)
    if choice and tied[0].is_unlikely and choice.users < _LEAST_UNLIKELY:
        questions += (_doubt(tied[0], readings[0], trial.totals),)
    return replace(plan, undecided=questions)


class _Trial:
    """Readings of the balances, tried against what the history may say."""

    def __init__(
        self,
        conn: Connection,
        catalog: Catalog,
        plan: Plan,
        readings: Sequence[BalanceReading],
    ) -> None:
        self._conn = conn
        self._catalog = catalog
        self._plan = plan
        self._readings = readings
        self._users = 0
        self.totals: dict[BalanceReading, Decimal] = {}

    def choice(self, words: Words) -> _Choice | None:
        """The readings that explain most users; None = none explains nearly all.

        The sum of the history is tried first, and then, where it does not explain them, the month
        since the last reset, and the sum of what all users began with and the history.
        """
        most = max(1, _MOST_PAIRS // len(self._readings))
        bringing = _bringing(self._conn, self._plan)
        sums = [
            one
            for one in movements(self._plan, words)[:most]
            if any(place in bringing for place, _ in one.histories)
        ]
        months = month_movements(self._plan, words)[:most]
        choice = self._best(sums) if sums or not months else None
        if choice is None and months:
            choice = self._best(months)
        return choice or self._with_opening([one for one in sums if one.by == "sum"])

    def _trials(self, found: Sequence[Movement]) -> Trials:
        held = [one.held for one in self._readings]
        return Trials(self._conn, self._plan, self._catalog, held, found)

    def _best(self, found: Sequence[Movement]) -> _Choice | None:
        tried = self._trials(found).try_all()
        self._users = tried.users
        self.totals = dict(zip(self._readings, tried.totals, strict=True))
        return self._most_explaining(found, tried.explained)

    def _most_explaining(
        self, found: Sequence[Movement], explained: Mapping[tuple[int, int], int]
    ) -> _Choice | None:
        most = max(explained.values(), default=0)
        if not most or most < NEARLY_ALL * self._users:
            return None
        chosen = {
            reading: found[m]
            for r, reading in enumerate(self._readings)
            for m in reversed(range(len(found)))
            if explained.get((r, m)) == most
        }
        return _Choice(tuple(chosen), chosen, most)

    def _with_opening(self, found: Sequence[Movement]) -> _Choice | None:
        """The readings that explain nearly all, if all began with the same number of credits."""
        if self._users < _LEAST_USERS or not found:
            return None
        pairs = [
            (r, m)
            for r, reading in enumerate(self._readings)
            for m in range(len(found))
            if reading.is_plausible
        ]
        openings = self._trials(found).openings(pairs[:_MOST_OPENINGS])
        begun = {
            pair: one
            for pair, one in openings.items()
            if one.credits > 0 and one.credits == int(one.credits)
        }
        choice = self._most_explaining(found, {pair: one.users for pair, one in begun.items()})
        if choice is None:
            return None
        for reading, movement in choice.movements.items():
            (place, first), *rest = movement.histories
            opening = begun[self._readings.index(reading), found.index(movement)].credits
            read = replace(first, opening=int(opening))
            choice.movements[reading] = Movement(((place, read), *rest))
        return choice


def _copies(
    readings: Sequence[BalanceReading], totals: Mapping[BalanceReading, Decimal]
) -> list[BalanceReading]:
    """Readings of one of several tables, where all hold the same in total."""
    usual = readings[0]
    return [
        one
        for one in readings
        if len(one.parts) == 1 < len(usual.parts)
        and totals[one] > 0
        and totals[one] * len(usual.parts) == totals[usual]
    ]


def _bringing(conn: Connection, plan: Plan) -> set[int]:
    return {
        place
        for place, one in enumerate(plan.history)
        if brings_credits(
            conn,
            plan,
            signed(one, "stored") if vocabulary.UNKNOWN in one.kinds.values() else one,
        )
    }


def _explained_by(plan: Plan, movement: Movement, conn: Connection) -> Plan:
    """The plan with its histories read so that they explain the balances."""
    chosen = dict(movement.histories)
    bringing = _bringing(conn, plan) - set(chosen)
    return replace(
        plan,
        history=tuple(
            replace(one, explains="nothing")
            if place in bringing and movement.by != "month"
            else chosen.get(place, one)
            for place, one in enumerate(plan.history)
        ),
    )


def _questions(
    tied: Sequence[BalanceReading], totals: Mapping[BalanceReading, Decimal]
) -> tuple[str, ...]:
    """What a person must choose: readings that nothing tells apart, of different totals."""
    by_total: dict[Decimal, BalanceReading] = {}
    for one in tied:
        by_total.setdefault(totals[one], one)
    if len(by_total) == 1:
        return ()
    tables = ", ".join(dict.fromkeys(part.part.table for part in tied[0].tables))
    choices = [
        f"{one} = {total:,f} credits" + (" as written" if one is tied[0] else f" ({one.settings})")
        for total, one in list(by_total.items())[:_MOST_NAMED]
    ]
    return (f"{tables}: which columns add up? " + ", or ".join(choices),)


def _doubt(
    chosen: BalanceReading, usual: BalanceReading, totals: Mapping[BalanceReading, Decimal]
) -> str:
    """The question whether a few users' history is right against the names of columns."""
    return (
        f"{chosen.parts[0].table}: is {chosen} what users have? By their history it is "
        f"{totals[chosen]:,f} credits, as written; by its name {usual} = {totals[usual]:,f} credits"
    )


def _with_sum(conn: Connection, plan: Plan, words: Words) -> Plan:
    """The plan of a system whose balances are the sum of its history: nothing else proves it."""
    (part,) = plan.balances
    (place,) = (n for n, one in enumerate(plan.history) if one.table == part.table)
    by_total: dict[Any, History] = {}
    for movement in movements(replace(plan, balances=()), words):
        read = dict(movement.histories).get(place)
        if read is None:
            continue
        (found,) = conn.execute(_TOTAL_HELD.format(balances=held(_read_so(plan, place, read))))
        by_total.setdefault(found.credits, read)
    if len(by_total) < 2:
        return plan
    choices = [
        f"{total:,f} credits with sign = {one.sign!r}, void = {list(one.void)}"
        for total, one in list(by_total.items())[:_MOST_NAMED]
    ]
    question = f"{part.table}: what does its sum count? " + ", or ".join(choices)
    return replace(_read_so(plan, place, next(iter(by_total.values()))), undecided=(question,))


def _read_so(plan: Plan, place: int, history: History) -> Plan:
    histories = list(plan.history)
    histories[place] = history
    return replace(plan, history=tuple(histories))
