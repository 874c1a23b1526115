"""Every sequence of events, against the table of a generation's life: one result, the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stress.lives.steps import CORE, MORE, PERCENTS, STRICT
from stress.lives.table import STATUSES, Table, read_table
from stress.lives.walk import Walk
from support.paths import PROCEDURES_PAGE

if TYPE_CHECKING:
    import psycopg

    from stress.lives.steps import Step


@pytest.fixture(scope="session")
def table() -> Table:
    """The table of procedures/README.md."""
    return read_table(PROCEDURES_PAGE.read_text(encoding="utf-8"))


def all_up_to(length: int, steps: int) -> int:
    return sum(steps**n for n in range(1, length + 1))


@pytest.mark.slow
def test_every_sequence_up_to_length_4(conn: psycopg.Connection[Any], table: Table) -> None:
    walk = Walk(conn, table, CORE, length=4, verified_length=2)

    walk.run()

    assert walk.sequences == all_up_to(4, len(CORE))
    # Each event has met each status.
    assert walk.seen == {(status, step.name) for status in STATUSES for step in CORE}


def test_every_sequence_up_to_length_3_where_cancelling_gives_nothing_back(
    conn: psycopg.Connection[Any], table: Table
) -> None:
    walk = Walk(conn, table, CORE, length=3, percents=STRICT, verified_length=2)

    walk.run()

    assert walk.sequences == all_up_to(3, len(CORE))


def test_every_sequence_up_to_length_4_of_a_task_whose_cancelling_gives_nothing_back(
    conn: psycopg.Connection[Any], table: Table
) -> None:
    attach = CORE[0]
    walk = Walk(conn, table, CORE, length=4, percents=STRICT, verified_length=2)

    walk.run([attach])

    assert len(CORE) * walk.sequences == all_up_to(4, len(CORE))
    assert walk.seen >= {("cancelled", step.name) for step in CORE}


def test_every_sequence_of_length_2_with_all_there_is(
    conn: psycopg.Connection[Any], table: Table
) -> None:
    steps = [*CORE, *MORE]
    walk = Walk(conn, table, steps, length=2, verified_length=2)

    walk.run()

    assert walk.sequences == all_up_to(2, len(steps))


@pytest.mark.slow
@pytest.mark.parametrize("first", CORE, ids=str)
def test_every_sequence_up_to_length_5(
    conn: psycopg.Connection[Any], table: Table, first: Step
) -> None:
    walk = Walk(conn, table, CORE, length=5, verified_length=3)

    walk.run([first])

    assert len(CORE) * walk.sequences == all_up_to(5, len(CORE)) > 100_000


@pytest.mark.slow
@pytest.mark.parametrize("percents", [PERCENTS, STRICT], ids=["lenient", "strict"])
def test_every_sequence_up_to_length_3_with_all_there_is(
    conn: psycopg.Connection[Any], table: Table, percents: dict[str, int]
) -> None:
    steps = [*CORE, *MORE]
    walk = Walk(conn, table, steps, length=3, percents=percents, verified_length=2)

    walk.run()

    assert walk.sequences == all_up_to(3, len(steps))
    assert walk.seen >= {(status, step.name) for status in STATUSES for step in steps}
