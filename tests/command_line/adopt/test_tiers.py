"""Tiers become plans: whatever their case, and nobody silently gets less than was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.reading import read_plan

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan

#: Of the tier free three users were promised 5 a month, and one was promised 200.
TIERS = """
create table user_credits (
    user_id uuid primary key, tier text, monthly_allowance {number}, current_balance int,
    last_reset_at timestamptz default now()
);
insert into user_credits
select lpad(i::text, 32, '0')::uuid, 'FREE', case when i = 4 then 200 else 5 end, 5
from generate_series(1, 4) as i;
"""


def planned(conn: psycopg.Connection[Any], folder: Path, *lines: str) -> Plan:
    """The plan as drafted, with further lines for its tiers, which stand last."""
    file = folder / "plan.toml"
    file.write_text("\n".join((draft(inspect(conn, ["public"]).discovery), *lines)))
    return read_plan(file)


def plans(conn: psycopg.Connection[Any]) -> dict[int, str | None]:
    return {
        row.user_id.int: row.plan
        for row in conn.execute("select user_id, plan from credits.user_credits")
    }


@pytest.mark.parametrize("number", ["int", "numeric(10, 2)"])
def test_who_was_promised_more_than_others_is_not_given_less(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path, number: str
) -> None:
    conn.execute(TIERS.format(number=number).encode())

    found = inspect(conn, ["public"])
    (fault,) = (one for one in found.faults if "different allowances" in one.title)
    assert (fault.detail, fault.rows) == ("FREE: 5 to 3 users, 200 to 1 users", 1)
    assert found.discovery.unread == (("public.user_credits", "tier", "FREE/200"),)
    assert '# "FREE/200" = "?"' in draft(found.discovery)

    with pytest.raises(PlanError, match=r"1 users of 'FREE' were promised 200 .* brings 5"):
        run(conn, planned(conn, tmp_path), nobody)
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('early bird', 200)")
    run(conn, planned(conn, tmp_path, '"FREE/200" = "early bird"'), nobody)

    assert plans(conn) == {0x1: "free", 0x2: "free", 0x3: "free", 0x4: "early bird"}


def test_a_plan_may_say_that_they_get_less(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(TIERS.format(number="int").encode())

    run(conn, planned(conn, tmp_path, '"FREE/200" = "free"'), nobody)

    assert set(plans(conn).values()) == {"free"}


def test_who_was_promised_less_may_get_more(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(TIERS.format(number="int").encode())
    conn.execute("update user_credits set monthly_allowance = 1 where monthly_allowance = 200")

    run(conn, planned(conn, tmp_path), nobody)

    assert set(plans(conn).values()) == {"free"}


def test_a_promise_in_another_unit_is_compared_in_credits(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(TIERS.format(number="int").encode())
    conn.execute("delete from user_credits where monthly_allowance = 200")
    plan = replace(planned(conn, tmp_path), credits_per_unit=100)

    with pytest.raises(PlanError, match="'FREE' brings 500 credits a month, and plan 'free'"):
        run(conn, plan, nobody)


@pytest.mark.parametrize("word", ["free", "FREE", "Free"])
def test_tiers_match_plans_whatever_their_case(
    conn: psycopg.Connection[Any], nobody: Nobody, word: str
) -> None:
    conn.execute(TIERS.format(number="int").encode())
    conn.execute("update user_credits set tier = %s, monthly_allowance = 5", [word])

    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)

    assert set(plans(conn).values()) == {"free"}


def test_a_plan_of_the_same_case_comes_first(conn: psycopg.Connection[Any], nobody: Nobody) -> None:
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('Free', 7)")
    conn.execute(TIERS.format(number="int").encode())
    conn.execute("update user_credits set tier = 'Free', monthly_allowance = 7")

    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)

    assert set(plans(conn).values()) == {"Free"}


def test_a_plan_of_two_spellings_is_asked_for(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('Free', 5)")
    conn.execute(TIERS.format(number="int").encode())
    conn.execute("update user_credits set monthly_allowance = 5")

    with pytest.raises(PlanError, match=r"'FREE', which is not in credits\.plans"):
        run(conn, inspect(conn, ["public"]).discovery.plan, nobody)


def test_the_tier_of_the_photo_platform_in_upper_case(
    conn: psycopg.Connection[Any], nobody: Nobody
) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute("update user_credits set subscription_tier = upper(subscription_tier)")

    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)

    assert set(plans(conn).values()) == {"pro"}
