"""Dollars arrive from whatever a driver sends as a number, exact to the millionth or not at all."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user
from support.attempts import callback, complete, events, fail, generation, start
from support.books import deduct, entry, grant, lot_of, refused_without_trace

if TYPE_CHECKING:
    import psycopg

# What psycopg sends as double precision, numeric, smallint to bigint, or a text of no type; and
# what is stored.
GOOD: list[tuple[Any, Decimal | None]] = [
    (0.05, Decimal("0.05")),
    (0.1 + 0.2, Decimal("0.3")),
    (1.1234567, Decimal("1.123457")),
    (0.0000005, Decimal("0.000001")),
    (999999999.999999, Decimal("999999999.999999")),
    (Decimal("0.05"), Decimal("0.05")),
    (Decimal("999999999.999999"), Decimal("999999999.999999")),
    (Decimal("123456789.123456"), Decimal("123456789.123456")),
    (3, Decimal(3)),
    (40000, Decimal(40000)),
    (999999999, Decimal(999999999)),
    ("0.05", Decimal("0.05")),
    (0, Decimal(0)),
    (-0.0, Decimal(0)),
    (None, None),
]
BAD: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    -0.01,
    -1e-9,
    1e9,
    1e300,
    # These would be rounded to 0, and make something free.
    0.0000004,
    5e-324,
    Decimal("NaN"),
    Decimal("0.0000001"),
    Decimal("-1"),
    -1,
    10**9,
]


@pytest.mark.parametrize(("given", "stored"), GOOD, ids=repr)
def test_every_number_of_a_driver_reaches_every_function(
    conn: psycopg.Connection[Any], given: Any, stored: Decimal | None
) -> None:
    user = new_user()
    granted = grant(conn, user, 100, p_unit_price_usd=given)
    assert lot_of(conn, user, granted).unit_price_usd == stored

    charge = deduct(conn, user, 1, p_cost_usd=given)
    assert entry(conn, user, charge).cost_usd == stored

    quoted = start(conn, user=user, p_quoted_cost_usd=given)
    assert generation(conn, quoted).quoted_cost_usd == stored

    for report in (complete, fail):
        attempt = start(conn)
        report(conn, attempt, p_cost_usd=given)
        assert generation(conn, attempt).cost_usd == stored
        assert events(conn, attempt)[-1].dropped is None
        # What was rounded is no news when it comes again.
        before = len(events(conn, attempt))
        assert report(conn, attempt, p_cost_usd=given).replayed
        assert len(events(conn, attempt)) == before

    early = start(conn)
    callback(conn, "t-1", "200", p_cost_usd=given)
    call(conn, "attach_provider_task", early.user, early.generation, "t-1")
    assert generation(conn, early).cost_usd == stored
    assert events(conn, early)[-1].dropped is None


@pytest.mark.parametrize("given", BAD, ids=repr)
def test_what_is_no_price_is_refused(conn: psycopg.Connection[Any], given: Any) -> None:
    user = new_user()
    grant(conn, user, 100)

    for argument, function, others in (
        ("p_unit_price_usd", "grant_user_credits", (10,)),
        ("p_cost_usd", "deduct_user_credits", (10,)),
        ("p_quoted_cost_usd", "start_generation", ("kling", "image", 10)),
    ):
        with refused_without_trace(conn, "PT422", "invalid_argument", argument=argument):
            call(conn, function, user, *others, **{argument: given})


@pytest.mark.parametrize("given", BAD, ids=repr)
def test_a_report_with_a_cost_that_is_none_counts_without_it(
    conn: psycopg.Connection[Any], given: Any
) -> None:
    for report, status in ((complete, "succeeded"), (fail, "failed")):
        attempt = start(conn)

        assert report(conn, attempt, p_cost_usd=given).status == status

        assert generation(conn, attempt).cost_usd is None
        (dropped,) = events(conn, attempt)[-1].dropped
        assert dropped.startswith("p_cost_usd ")
    for n, code in enumerate(("200", "nobody knows it")):
        attached, early = start(conn, task=f"a-{n}"), start(conn)
        callback(conn, f"a-{n}", code, p_cost_usd=given)
        callback(conn, f"e-{n}", code, p_cost_usd=given)
        call(conn, "attach_provider_task", early.user, early.generation, f"e-{n}")

        for attempt in (attached, early):
            assert generation(conn, attempt).cost_usd is None
            (dropped,) = events(conn, attempt)[-1].dropped
            assert dropped.startswith("p_cost_usd ")
