"""Databases keep fingerprints of plans: with others, a run could not be gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import Conn, planned
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.fingerprints import earlier_fingerprint, fingerprint
from pgcredits.adopt.plan.model import Balances, Bucket, History, Plan, Tasks
from pgcredits.adopt.plan.reading import read_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line.adopt.systems import Nobody

BALANCES = Balances(
    table="public.user_credits",
    key="id",
    user="user_id",
    buckets=(
        Bucket("current_balance", "next_reset"),
        Bucket("purchased", priority=200, unit_price_usd=0),
    ),
    reset="last_reset_at",
    tier="tier",
    tiers={"pro": "pro"},
    close="columns",
)
HISTORY = History(
    table="public.credit_transactions",
    key="id",
    user="user_id",
    at="created_at",
    amount="amount",
    kind="type",
    kinds={"usage": "charge"},
)
TASKS = Tasks(
    table="public.jobs",
    key="id",
    user="user_id",
    credits="price",
    status="state",
    finished=("done_at",),
    statuses={"done": "succeeded"},
    close="table",
)
PLAN = Plan(("public",), balances=(BALANCES,), history=(HISTORY,), tasks=(TASKS,))


def test_a_table_that_0_1_0_has_closed_is_read_by_the_same_plan() -> None:
    assert [earlier_fingerprint(PLAN, part)[:16] for part in PLAN.parts] == [
        "e3296c1b218eb4a9",
        "f4135e3d1a7c17af",
        "93dce57974925f68",
    ]
    # What came after 0.1.0 was told where it was used.
    later = replace(
        PLAN,
        rounding="nearest",
        balances=(
            replace(
                BALANCES,
                dead="deleted_at",
                buckets=(Bucket("total", includes="bought"), Bucket("bought", includes=("a", "b"))),
            ),
        ),
        history=(replace(HISTORY, status="state", void=("failed",), opening=5, explains="month"),),
    )
    assert [earlier_fingerprint(later, part)[:16] for part in later.parts] == [
        "f0aea44448f786c0",
        "26ea001ac2ab4d8a",
        "50cada86dbabc8dd",
    ]


def test_a_later_release_knows_what_this_one_writes() -> None:
    assert [fingerprint(PLAN, part)[:18] for part in PLAN.parts] == [
        "2:961d7373894ff636",
        "2:ed7004751c9834c6",
        "2:ee0b4da4b042f6aa",
    ]


TOML = """
version = 1
schemas = ["public"]
[[balances]]
table = "public.t"
key = "id"
user = "id"
tiers = { a = "x", b = "y" }
[[balances.buckets]]
column = "total"
unit_price_usd = 0
includes = "part"
[[balances.buckets]]
column = "part"
[[history]]
table = "public.h"
key = "id"
user = "u"
reference = "r"
void = ["failed", "error"]
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('key = "id"\nuser = "id"', 'user = "id"\nkey = "id"'),
        ('{ a = "x", b = "y" }', '{ b = "y", a = "x" }'),
        ("unit_price_usd = 0", "unit_price_usd = 0.0"),
        ('includes = "part"', 'includes = ["part"]'),
        ('reference = "r"', 'reference = ["r"]'),
        ('["failed", "error"]', '["error", "failed"]'),
        ('column = "part"', 'column = "part"\nexpires = "never"\npriority = 100'),
        ('user = "u"', 'user = "u"\nsign = "kind"\nopening = 0\nclose = "table"\ncost = ""'),
        ("version = 1", 'version = 1\nuser_ids = "uuid"\ncredits_per_unit = 1\nunused = ["x.y"]'),
    ],
)
def test_the_same_meaning_has_the_same_fingerprint(tmp_path: Path, before: str, after: str) -> None:
    assert before in TOML
    assert told(tmp_path, TOML.replace(before, after, 1)) == told(tmp_path, TOML)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("unit_price_usd = 0\n", ""),
        ('includes = "part"', ""),
        ('reference = "r"', 'reference = ["r", "s"]'),
        ("version = 1", "version = 1\ncredits_per_unit = 100"),
        ("version = 1", 'version = 1\nrounding = "nearest"'),
        ('user = "u"', 'user = "u"\nclose = "nothing"'),
        ('a = "x"', 'a = "z"'),
    ],
)
def test_another_meaning_has_another(tmp_path: Path, before: str, after: str) -> None:
    assert before in TOML
    assert told(tmp_path, TOML.replace(before, after, 1)) != told(tmp_path, TOML)


def told(folder: Path, text: str) -> list[str]:
    (folder / "plan.toml").write_text(text)
    plan = read_plan(folder / "plan.toml")
    return [fingerprint(plan, part) for part in plan.parts]


@pytest.mark.parametrize("written", [fingerprint, earlier_fingerprint])
def test_a_run_that_an_earlier_release_began_goes_on(
    conn: Conn, nobody: Nobody, tmp_path: Path, written: Callable[[Plan, Any], str]
) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = planned(conn, tmp_path)
    assert run(conn, plan, nobody).history_rows == 18
    for part in plan.parts:
        conn.execute(
            "update credits.imported_tables set read_as = %s where source_table = %s and role = %s",
            [written(plan, part), part.table, part.role],
        )

    again = run(conn, plan, nobody)

    assert (again.history_rows, again.balances, again.tasks) == (0, 0, 0)
    kept = {
        (row.source_table, row.role): (row.read_as, row.rows_copied)
        for row in conn.execute("select * from credits.imported_tables")
    }
    assert kept == {
        (part.table, part.role): (fingerprint(plan, part), 18 * (part.role == "history"))
        for part in plan.parts
    }
    (part,) = plan.balances
    first, *others = part.buckets
    changed = replace(part, buckets=(replace(first, priority=5), *others))
    other = replace(plan, balances=(changed,))
    with pytest.raises(PlanError, match="was cut over by another plan"):
        run(conn, other, nobody)
