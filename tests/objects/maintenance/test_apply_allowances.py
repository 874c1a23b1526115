from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support.api import call, new_user, rows
from support.books import (
    NOON,
    Books,
    balance,
    books,
    deduct,
    entries,
    grant,
    last_entry,
    lots,
    no_trace,
    settle_for,
    user_row,
)
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    import random
    from uuid import UUID

    import psycopg

    from support.databases import Database

MONTH_END = datetime(2031, 6, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
MONTHLY = {None: 0, "free": 5, "plus": 50, "pro": 200}


@pytest.fixture(autouse=True)
def _clock_stands_at_noon(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)


def subscribe(conn: psycopg.Connection[Any], user: UUID, plan: str | None) -> None:
    call(conn, "set_user_plan", user, plan)


def apply(conn: psycopg.Connection[Any]) -> list[int]:
    """One run in which nobody fails: the credits that it granted."""
    served = rows(conn, "apply_allowances")
    assert [row.error for row in served] == [None] * len(served)
    return [row.credits for row in served]


def test_a_plan_brings_its_credits_until_the_end_of_the_month(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")

    assert rows(conn, "apply_allowances") == [(user, None, 50, None)]

    assert books(conn, user) == Books(50, [("grant", 50, 50)], [("allowance", 50, 50)])
    granted, (lot,) = last_entry(conn, user), lots(conn, user)
    assert (granted.source, granted.requested_credits) == ("allowance", None)
    assert granted.idempotency_key.startswith("pgcredits:")
    assert (lot.expires_at, lot.priority, lot.origin_lot_id) == (MONTH_END, 100, None)
    assert lot.grant_transaction_id == granted.transaction_id


def test_a_month_is_granted_once(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    assert apply(conn) == [50]
    deduct(conn, user, 50)

    for at in (NOON, NOON + timedelta(days=10), MONTH_END - INSTANT):
        set_clock(conn, at)
        with no_trace(conn):
            assert apply(conn) == []


def test_the_next_month_brings_the_next_allowance_and_the_last_one_expires(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    deduct(conn, user, 20)
    set_clock(conn, MONTH_END)

    assert apply(conn) == [50]

    assert books(conn, user) == Books(
        balance=50,
        ledger=[
            ("grant", 50, 50),
            ("deduction", -20, 30),
            ("expiry", -30, 0),
            ("grant", 50, 50),
        ],
        lots=[("allowance", 50, 0), ("allowance", 50, 50)],
    )


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (None, []),
        # Never below it but between two rows of one turn.
        (30, []),
        # Above it at last.
        (50, [("low_balance", True)]),
        # Below it all the time.
        (60, []),
    ],
)
def test_the_balance_is_low_only_where_it_is_after_the_turn(
    conn: psycopg.Connection[Any], threshold: int | None, told: list[Any]
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    call(conn, "set_low_balance_threshold", user, threshold)
    deduct(conn, user, 10)
    set_clock(conn, MONTH_END)

    assert apply(conn) == [50]

    query = "select type, resolved_at is not null from credits.system_alerts where user_id = %s"
    assert conn.execute(query, (user,)).fetchall() == told


def test_missed_months_are_not_made_up(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    set_clock(conn, datetime(2031, 11, 3, tzinfo=UTC))

    assert apply(conn) == [50]
    assert apply(conn) == []
    assert balance(conn, user) == 50


def test_who_subscribes_later_in_the_month_gets_all_of_it(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, MONTH_END - INSTANT)
    user = new_user()
    subscribe(conn, user, "plus")

    assert apply(conn) == [50]
    assert lots(conn, user)[0].expires_at == MONTH_END


def test_who_has_no_plan_or_one_of_no_credits_gets_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('none', 0)")
    subscribe(conn, new_user(), "none")
    grant(conn, new_user(), 5)
    left = new_user()
    subscribe(conn, left, "plus")
    subscribe(conn, left, None)

    with no_trace(conn):
        assert apply(conn) == []


def test_an_upgrade_brings_the_difference(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    subscribe(conn, user, "free")
    assert apply(conn) == [5]
    subscribe(conn, user, "pro")
    assert apply(conn) == [195]

    assert books(conn, user).lots == [("allowance", 5, 5), ("allowance", 195, 195)]
    assert {lot.expires_at for lot in lots(conn, user)} == {MONTH_END}


def test_a_downgrade_takes_nothing_and_brings_nothing(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    subscribe(conn, user, "pro")
    apply(conn)
    subscribe(conn, user, "plus")

    with no_trace(conn):
        assert apply(conn) == []
    assert balance(conn, user) == 200

    # The month after follows the plan that is held then.
    set_clock(conn, MONTH_END)
    assert apply(conn) == [50]
    assert balance(conn, user) == 50


def test_a_plan_that_was_never_there_during_a_run_brings_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    for plan in ("free", "pro", "free"):
        subscribe(conn, user, plan)

    assert apply(conn) == [5]


def test_ending_a_plan_keeps_what_was_granted_until_the_month_ends(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    subscribe(conn, user, None)
    assert apply(conn) == []
    assert balance(conn, user) == 50

    # And coming back in the same month brings nothing again.
    subscribe(conn, user, "plus")
    assert apply(conn) == []

    subscribe(conn, user, None)
    set_clock(conn, MONTH_END)
    assert apply(conn) == []
    assert balance(conn, user) == 0


def test_an_edit_of_a_plan_counts_from_each_users_next_month_on(
    conn: psycopg.Connection[Any],
) -> None:
    user, waiting = new_user(), new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    subscribe(conn, waiting, "plus")

    conn.execute("update credits.plans set monthly_credits = 80 where plan = 'plus'")
    # Whose month is still to be granted gets what the plan brings now.
    assert rows(conn, "apply_allowances") == [(waiting, None, 80, None)]
    set_clock(conn, MONTH_END)
    assert apply(conn) == [80, 80]

    conn.execute("update credits.plans set monthly_credits = 10 where plan = 'plus'")
    assert apply(conn) == []
    assert balance(conn, user) == 80
    set_clock(conn, datetime(2031, 7, 1, tzinfo=UTC))
    assert apply(conn) == [10, 10]


def test_a_plan_that_brought_nothing_and_is_edited_brings_credits_next_month(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("insert into credits.plans (plan, monthly_credits) values ('none', 0)")
    user = new_user()
    subscribe(conn, user, "none")
    for month in (6, 7):
        set_clock(conn, datetime(2031, month, 1, tzinfo=UTC))
        assert apply(conn) == []
        with no_trace(conn):
            assert apply(conn) == []

    conn.execute("update credits.plans set monthly_credits = 5 where plan = 'none'")
    assert apply(conn) == []
    set_clock(conn, datetime(2031, 8, 1, tzinfo=UTC))
    assert apply(conn) == [5]


def test_those_who_wait_longest_come_first_whatever_their_plan(
    conn: psycopg.Connection[Any],
) -> None:
    users = []
    for i, plan in enumerate(["pro", "free", "plus", "free", "pro"]):
        set_clock(conn, NOON + timedelta(seconds=i))
        users.append(new_user())
        subscribe(conn, users[-1], plan)

    assert [rows(conn, "apply_allowances", 1)[0].user_id for _ in users] == users


def test_one_turn_writes_all_that_is_due(conn: psycopg.Connection[Any]) -> None:
    conn.execute("update credits.plans set rollover_max_credits = 20 where plan = 'plus'")
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)
    grant(conn, user, 7, p_expires_at=MONTH_END - INSTANT)
    set_clock(conn, MONTH_END)

    assert apply(conn) == [50]

    assert books(conn, user).ledger[2:] == [
        ("expiry", -57, 0),
        ("grant", 20, 20),
        ("grant", 50, 70),
    ]
    row = user_row(conn, user)
    assert row.next_due_at == row.next_allowance_at == datetime(2031, 7, 1, tzinfo=UTC)
    with no_trace(conn):
        assert rows(conn, "expire_user_credits") == []


def test_flipping_plans_mints_nothing_however_often_and_whoever_runs_it(
    database: Database, conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    app = database.connect(role="credits_app")
    operators = [database.connect(role="credits_operator") for _ in range(2)]
    user = new_user()
    plan: str | None = None
    at, end = NOON, MONTH_END
    largest, granted = 0, 0

    for _ in range(150):
        step = rng.randrange(4)
        if step == 0:
            plan = rng.choice(list(MONTHLY))
            subscribe(app, user, plan)
        elif step == 1 and balance(app, user) > 0:
            deduct(app, user, rng.randint(1, balance(app, user)))
        elif step == 2:
            at += timedelta(hours=rng.randrange(36))
            if at >= end:
                at = max(at, end)
                end = (end + timedelta(days=31)).replace(day=1)
                largest = granted = 0
            set_clock(conn, at)
        else:
            largest = max(largest, MONTHLY[plan])
            granted += sum(apply(rng.choice(operators)))
            assert granted == largest

    by_month: dict[tuple[int, int], int] = {}
    for entry in entries(conn, user):
        if entry.source == "allowance":
            month = (entry.created_at.year, entry.created_at.month)
            by_month[month] = by_month.get(month, 0) + entry.credits
    assert by_month
    assert max(by_month.values()) <= 200


def test_purchased_credits_are_never_touched(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    bought = grant(conn, user, 30, p_source="purchase", p_idempotency_key="pi_1")
    conn.execute("update credits.plans set rollover_max_credits = 20")

    def purchased() -> Any:
        (lot,) = [lot for lot in lots(conn, user) if lot.source == "purchase"]
        assert lot.grant_transaction_id == bought.transaction_id
        return lot

    before = purchased()
    for month, plan in ((6, "plus"), (7, "pro"), (8, "free"), (9, None)):
        subscribe(conn, user, plan)
        apply(conn)
        rows(conn, "expire_user_credits")
        assert purchased() == before
        set_clock(conn, datetime(2031, month, 1, tzinfo=UTC))
    rows(conn, "expire_user_credits")

    assert purchased() == before
    set_clock(conn, datetime(2031, 12, 1, tzinfo=UTC))
    assert balance(conn, user) == 30


def test_a_frozen_user_gets_the_allowance_too(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    call(conn, "freeze_user_credits", user, "under review")

    assert apply(conn) == [50]


def test_the_limit_is_one_for_all_plans_together(conn: psycopg.Connection[Any]) -> None:
    users = [new_user() for _ in range(6)]
    for user, plan in zip(users, ["free", "plus", "pro"] * 2, strict=True):
        subscribe(conn, user, plan)

    runs = [rows(conn, "apply_allowances", 4) for _ in range(3)]

    assert [len(run) for run in runs] == [4, 2, 0]
    assert sorted(row.credits for run in runs for row in run) == [5, 5, 50, 50, 200, 200]


@pytest.mark.parametrize(
    ("zone", "begins", "ends"),
    [
        ("UTC", "2031-02-01T00:00", "2031-03-01T00:00"),
        ("UTC", "2032-02-01T00:00", "2032-03-01T00:00"),
        ("UTC", "2031-12-01T00:00", "2032-01-01T00:00"),
        # Daylight saving time begins on 9 March and ends on 2 November.
        ("America/Los_Angeles", "2031-03-01T08:00", "2031-04-01T07:00"),
        ("America/Los_Angeles", "2031-11-01T07:00", "2031-12-01T08:00"),
        ("Europe/Berlin", "2031-02-28T23:00", "2031-03-31T22:00"),
        ("Asia/Kolkata", "2031-01-31T18:30", "2031-02-28T18:30"),
        ("Pacific/Kiritimati", "2031-01-31T10:00", "2031-02-28T10:00"),
        # That Sunday began at one o'clock: there was no midnight.
        ("America/Asuncion", "2017-09-01T04:00", "2017-10-01T04:00"),
    ],
)
def test_a_month_is_that_of_the_business_time_zone(
    database: Database, conn: psycopg.Connection[Any], zone: str, begins: str, ends: str
) -> None:
    # The zone and the formats of the session that runs it do not matter.
    elsewhere = database.connect(options="-c timezone=Pacific/Honolulu -c datestyle=SQL,DMY")
    settle_for(conn, business_time_zone=zone)
    begin = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    end = datetime.fromisoformat(ends).replace(tzinfo=UTC)
    user = new_user()
    set_clock(conn, begin - INSTANT)
    subscribe(conn, user, "plus")
    assert apply(conn) == [50]
    assert lots(conn, user)[0].expires_at == begin

    set_clock(conn, begin)
    assert apply(elsewhere) == [50]
    assert {lot.expires_at for lot in lots(conn, user)} == {begin, end}

    set_clock(conn, end - INSTANT)
    assert apply(elsewhere) == []
    assert balance(conn, user) == 50
    set_clock(conn, end)
    assert balance(conn, user) == 0
    assert apply(elsewhere) == [50]


def test_changing_the_time_zone_within_a_month_mints_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    apply(conn)

    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Los_Angeles", "UTC"):
        settle_for(conn, business_time_zone=zone)
        with no_trace(conn):
            assert apply(conn) == []


def test_changing_the_time_zone_around_a_months_end_mints_nothing(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    assert apply(conn) == [50]

    # In Kiritimati June has begun. A new zone counts from the next month on: its allowance comes
    # when May ends where May was granted, and is the only one.
    set_clock(conn, MONTH_END - timedelta(hours=6))
    settle_for(conn, business_time_zone="Pacific/Kiritimati")
    assert apply(conn) == []
    set_clock(conn, MONTH_END)
    assert apply(conn) == [50]
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"):
        settle_for(conn, business_time_zone=zone)
        assert apply(conn) == []

    for at, zone in (
        (MONTH_END, "UTC"),
        (MONTH_END, "Pacific/Pago_Pago"),
        (MONTH_END + timedelta(days=10), "Pacific/Pago_Pago"),
        (MONTH_END + timedelta(days=29, hours=23), "UTC"),
    ):
        set_clock(conn, at)
        settle_for(conn, business_time_zone=zone)
        assert apply(conn) == []

    set_clock(conn, datetime(2031, 7, 1, tzinfo=UTC))
    assert apply(conn) == [50]
    assert [e.credits for e in entries(conn, user) if e.source == "allowance"] == [50, 50, 50]


def test_an_upgrade_while_the_month_has_not_begun_in_a_new_time_zone_is_granted_when_it_has(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    subscribe(conn, user, "plus")
    set_clock(conn, MONTH_END)
    assert apply(conn) == [50]
    settle_for(conn, business_time_zone="Pacific/Pago_Pago")
    subscribe(conn, user, "pro")
    assert apply(conn) == []

    # Eleven hours later June begins there, too.
    set_clock(conn, MONTH_END + timedelta(hours=11))
    assert apply(conn) == [150]
    set_clock(conn, MONTH_END + timedelta(days=2))
    assert apply(conn) == []


def test_a_run_that_began_in_an_earlier_month_grants_nothing_after_a_later_one(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = [new_user(), new_user()]
    for user in users:
        subscribe(conn, user, "plus")
    set_clock(conn, MONTH_END - timedelta(hours=6))
    conn.execute(
        "create function public.pause() returns trigger language plpgsql as"
        " $$ begin perform pg_advisory_xact_lock(1); return new; end $$"
    )
    conn.execute(
        "create trigger pause before insert on credits.credit_transactions for each row"
        " when (current_setting('application_name') = 'may') execute function public.pause()"
    )

    with Session(database) as holder, Session(database, application_name="may") as may:
        holder.run("begin")
        holder.run("select pg_advisory_xact_lock(1)")
        may.start("select * from credits.apply_allowances()")
        assert may.is_blocked(by=holder)
        # Meanwhile, in Kiritimati, June has begun, and is granted to whom the first has not yet.
        settle_for(conn, business_time_zone="Pacific/Kiritimati")
        (june,) = rows(conn, "apply_allowances")
        holder.run("commit")
        served = may.result()

    assert [row.user_id for row in served] == [user for user in users if user != june.user_id]
    assert [row.error for row in served] == [None]
    assert [e.credits for e in entries(conn, june.user_id)] == [50]
