"""Choose the reading of an older system's balances that explains most users, or ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec.structs import replace
from psycopg import sql

from pgcredits.adopt.readings.against_history import brings_credits, compare, held
from pgcredits.adopt.readings.balances import balance_readings, least_contradicted
from pgcredits.adopt.readings.code import what_code_says
from pgcredits.adopt.readings.doubts import doubts
from pgcredits.adopt.readings.histories import month_movements, movements, signed
from pgcredits.adopt.readings.judging import widened
from pgcredits.adopt.readings.trying import Movement, Trials
from pgcredits.adopt.readings.units import with_units
from pgcredits.adopt.source import queries, vocabulary
from pgcredits.sql_files import read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from pgcredits.adopt.plan.model import Balances, Plan
    from pgcredits.adopt.readings.balances import BalanceReading
    from pgcredits.adopt.readings.histories import Words
    from pgcredits.adopt.source.catalog import Catalog

Connection = psycopg.Connection[Any]
SQL = sql.SQL

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

_CHARGES_OF_BOTH_SIGNS = read_template(__package__, "charges_of_both_signs.sql")
_HELD_TWICE = read_template(__package__, "held_twice.sql")
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
        return _with_sum(conn, catalog, plan, words)
    wide = widened(plan, catalog)
    readings = balance_readings(wide.balances, what_code_says(catalog, wide))
    trial = _Trial(conn, catalog, wide, readings)
    choice = trial.choice(words)
    tied = least_contradicted(
        choice.readings if choice else [one for one in readings if one.is_plausible]
    )
    if not choice and _hold_twice(conn, wide, readings[0]):
        tied += _single_tables(readings)
    plan = replace(plan, balances=tied[0].parts)
    if choice:
        plan = _explained_by(plan, choice.movements[tied[0]], conn)
    questions = _questions(tied, trial.totals)
    if choice and tied[0].is_unlikely and choice.users < _LEAST_UNLIKELY:
        questions += (_doubt(tied[0], readings[0], trial.totals),)
    if not choice:
        questions += tuple(doubts(catalog, plan))
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


def _hold_twice(conn: Connection, plan: Plan, usual: BalanceReading) -> bool:
    """Whether some user has credits in several tables, of which one may only repeat another."""
    if len(usual.parts) < 2:
        return False
    users = SQL(" union all ").join(
        SQL("select distinct b.user_id from ({}) as b where b.found > 0").format(
            queries.balances(plan, part)
        )
        for part in usual.parts
    )
    return bool(conn.execute(_HELD_TWICE.format(all_users=users)).fetchall())


def _single_tables(readings: Sequence[BalanceReading]) -> list[BalanceReading]:
    """For each of several tables the likeliest reading by which it alone holds credits."""
    alone: dict[str, BalanceReading] = {}
    for one in readings:
        holding = [table for table in one.tables if table.part.buckets or table.part.summed]
        if len(holding) == 1 and holding[0].is_plausible:
            alone.setdefault(holding[0].part.table, one)
    return list(alone.values())


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
    bringing = _bringing(conn, plan)
    others = bringing - set(chosen)
    if movement.by == "sum":
        # Charges alone explain nothing, and beside grants they do.
        chosen |= {
            place: replace(one, explains="balances")
            for place, one in chosen.items()
            if place not in bringing
        }
    return replace(
        plan,
        history=tuple(
            replace(one, explains="nothing")
            if place in others and movement.by != "month"
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


def _with_sum(conn: Connection, catalog: Catalog, plan: Plan, words: Words) -> Plan:
    """The plan of a system whose balances are the sum of its histories.

    Only the balances that a history shows after its rows can prove it.
    """
    by_total: dict[Any, Plan] = {}
    for candidate in _sums(conn, plan, words):
        (found,) = conn.execute(_TOTAL_HELD.format(balances=held(candidate)))
        by_total.setdefault(found.credits, candidate)
    for candidate in by_total.values():
        compared = compare(conn, candidate, catalog)
        if compared is not None and not compared.differing:
            return candidate
    if len(by_total) < 2:
        return next(iter(by_total.values()), plan)
    choices = [_sum_as_written(total, one) for total, one in list(by_total.items())[:_MOST_NAMED]]
    question = f"{plan.balances[0].table}: what does its sum count? " + ", or ".join(choices)
    return replace(next(iter(by_total.values())), undecided=(question,))


def _sums(conn: Connection, plan: Plan, words: Words) -> Iterator[Plan]:
    """The plausible readings of a sum, the likeliest first."""
    (part,) = plan.balances
    # Where all charges have the same sign, that is no question.
    is_clear = [
        not conn.execute(
            _CHARGES_OF_BOTH_SIGNS.format(history=queries.history(plan, one))
        ).fetchall()
        for one in plan.history
    ]
    for tables in _summed_tables(part):
        one = replace(part, table=tables[0], sums=tables[1:])
        for movement in movements(replace(plan, balances=()), words, by="sum"):
            read = dict(movement.histories)
            if {plan.history[place].table for place in read} == set(tables) and not any(
                is_clear[place] and history.sign != plan.history[place].sign
                for place, history in read.items()
            ):
                histories = tuple(read.get(n, history) for n, history in enumerate(plan.history))
                yield replace(plan, balances=(one,), history=histories)


def _summed_tables(part: Balances) -> Iterator[tuple[str, ...]]:
    """The histories that may add up: all of them, or one that says what others repeat."""
    tables = (part.table, *part.sums)
    yield tables
    for name in tables if part.sums else ():
        yield (name,)


def _sum_as_written(total: Decimal, plan: Plan) -> str:
    (part,) = plan.balances
    said = [f"table = {part.table!r}, sums = {list(part.sums)}"] if len(plan.history) > 1 else []
    said += [
        f"sign = {one.sign!r}, void = {list(one.void)}"
        for one in queries.summed_histories(plan, part)
    ]
    return f"{total:,f} credits with {'; '.join(said)}"
