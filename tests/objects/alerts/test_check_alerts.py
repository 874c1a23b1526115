"""Each rule: what opens its alert, what is just not enough, and what resolves it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.alerts.watch import (
    PLATFORM,
    PROVIDER,
    PROVIDERS_FAULT,
    USERS_FAULT,
    alerts,
    check,
    failed,
    now_open,
    set_rule,
    started,
    succeeded,
)
from support.api import call, new_user, rows, value
from support.attempts import break_refunds, mend_refunds
from support.books import NOON, grant, revoke
from support.clock import advance, set_clock
from support.paths import PROCEDURES
from support.races import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _at_noon(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    # What has to wait for nobody fails here if it does.
    conn.execute("set lock_timeout = '10s'")
    # Days pass here without any maintenance.
    set_rule(conn, "maintenance_behind", enabled=False)


def test_where_nothing_happened_nothing_is_opened(conn: psycopg.Connection[Any]) -> None:
    assert check(conn) == {}
    assert alerts(conn) == []


# --- refunds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "failures", "level"),
    [
        (19, 1, None),  # 5 %, the target
        (18, 2, "warning"),  # 10 %, twice the target
        (17, 3, "critical"),
        (0, 19, None),  # of 20 that are needed
    ],
)
def test_the_refund_rate_is_judged_by_its_target(
    conn: psycopg.Connection[Any], successes: int, failures: int, level: str | None
) -> None:
    succeeded(conn, successes)
    failed(conn, failures, error_type=USERS_FAULT)

    opened = check(conn)

    expected = {} if level is None else {("refund_rate_high", ""): level}
    assert now_open(conn) == expected
    assert opened == ({} if level is None else {"refund_rate_high": (1, 0)})


def test_a_threshold_of_its_own_comes_before_the_target(conn: psycopg.Connection[Any]) -> None:
    succeeded(conn, 18)
    failed(conn, 2, error_type=USERS_FAULT)
    set_rule(conn, "refund_rate_high", threshold=10)

    assert check(conn) == {}

    conn.execute("update credits.settings set refund_rate_target_pct = 50")
    set_rule(conn, "refund_rate_high", threshold=9)

    assert check(conn) == {"refund_rate_high": (1, 0)}


def test_a_lower_price_and_a_cancellation_are_no_refunds_in_the_rate(
    conn: psycopg.Connection[Any],
) -> None:
    succeeded(conn, 20)
    for _ in range(5):
        assert call(conn, "complete_generation", *started(conn), 4).credits_refunded == 6
        assert call(conn, "cancel_generation", *started(conn)).refunded

    assert check(conn) == {}


def test_the_refund_rate_forgets_what_is_older_than_its_window(
    conn: psycopg.Connection[Any],
) -> None:
    failed(conn, 20, error_type=USERS_FAULT)
    assert check(conn) == {"refund_rate_high": (1, 0)}

    advance(conn, DAY - MICROSECOND)
    assert check(conn) == {}

    advance(conn, MICROSECOND)
    assert check(conn) == {"refund_rate_high": (0, 1)}
    assert now_open(conn) == {}


def test_an_owed_refund_becomes_overdue_then_critical_and_is_resolved_when_it_is_paid(
    conn: psycopg.Connection[Any],
) -> None:
    user, generation = started(conn)
    break_refunds(conn)
    assert not call(conn, "fail_generation", user, generation).refunded

    def levels() -> dict[str, str]:
        return {a.type: a.level for a in alerts(conn) if a.resolved_at is None}

    advance(conn, 5 * MINUTE - MICROSECOND)
    assert check(conn) == {}
    assert levels() == {"refund_failed": "error"}

    advance(conn, MICROSECOND)
    assert check(conn) == {"refund_overdue": (1, 0)}
    assert levels() == {"refund_failed": "error", "refund_overdue": "critical"}

    advance(conn, 10 * MINUTE - MICROSECOND)
    check(conn)
    assert levels()["refund_failed"] == "error"

    advance(conn, MICROSECOND)
    assert check(conn) == {}
    assert levels() == {"refund_failed": "critical", "refund_overdue": "critical"}

    mend_refunds(conn)
    (paid,) = rows(conn, "retry_failed_refunds")
    assert paid.credits == 10
    assert check(conn) == {"refund_overdue": (0, 1)}
    assert levels() == {}


def test_what_is_under_review_is_not_overdue(conn: psycopg.Connection[Any]) -> None:
    user, generation = started(conn)
    break_refunds(conn)
    call(conn, "fail_generation", user, generation)
    mend_refunds(conn)
    conn.execute("update credits.generations set owed_review = true")
    advance(conn, DAY)

    assert "refund_overdue" not in check(conn)


def test_a_user_with_many_refunds_in_a_day_is_named(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 100)
    failed(conn, 3, error_type=USERS_FAULT, user=user)
    assert check(conn) == {}

    advance(conn, MINUTE)
    failed(conn, 1, error_type=USERS_FAULT, user=user)
    assert check(conn) == {"repeated_refunds": (1, 0)}
    (alert,) = alerts(conn)
    assert (alert.user_id, alert.level, alert.dedup_key) == (user, "warning", "")
    assert alert.metadata == {"refunds": 4, "credits": 40}

    # The first three leave the window. A user's ledger rows are a microsecond apart.
    advance(conn, DAY - MINUTE + timedelta(seconds=1))
    assert check(conn) == {"repeated_refunds": (0, 1)}


# --- providers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failures", "successes", "level"),
    [
        (2, 8, None),  # 20 %
        (3, 7, "warning"),
        (5, 5, "warning"),  # 50 %
        (6, 4, "critical"),
        (9, 0, None),  # of 10 that are needed
    ],
)
def test_a_providers_failures_are_judged_for_each_provider(
    conn: psycopg.Connection[Any], failures: int, successes: int, level: str | None
) -> None:
    failed(conn, failures, "shaky")
    succeeded(conn, successes, "shaky")
    succeeded(conn, 100 - failures - successes, "steady")

    opened = check(conn)

    opened.pop("refund_rate_high", None)
    expected = {} if level is None else {("provider_failure_rate", "shaky"): level}
    found = now_open(conn)
    found.pop(("refund_rate_high", ""), None)
    assert found == expected
    assert opened == ({} if level is None else {"provider_failure_rate": (1, 0)})


def test_what_users_and_we_do_wrong_is_not_the_providers_fault(
    conn: psycopg.Connection[Any],
) -> None:
    failed(conn, 5, error_type=USERS_FAULT)
    failed(conn, 5, error_type="rate_limited")
    failed(conn, 5, error_type="a kind that nobody has listed")

    assert check(conn) == {}


def test_an_unlisted_failure_is_whose_fault_the_row_for_all_says(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("update credits.refund_policies set fault = 'provider' where error_type = '*'")
    failed(conn, 10, error_type="a kind that nobody has listed")

    assert set(check(conn)) == {"provider_failure_rate", "provider_down"}


def test_a_providers_failures_are_forgotten_after_an_hour(conn: psycopg.Connection[Any]) -> None:
    failed(conn, 5)
    succeeded(conn, 5)
    assert check(conn) == {"provider_failure_rate": (1, 0)}

    advance(conn, timedelta(hours=1))
    assert check(conn) == {"provider_failure_rate": (0, 1)}


def test_failures_in_a_row_mean_that_a_provider_is_down(conn: psycopg.Connection[Any]) -> None:
    set_rule(conn, "provider_failure_rate", enabled=False)
    failed(conn, 3)
    advance(conn, MINUTE)
    failed(conn, 1, error_type=USERS_FAULT)
    advance(conn, MINUTE)
    failed(conn, 9)
    assert check(conn) == {}

    advance(conn, MINUTE)
    failed(conn, 1)
    assert check(conn) == {"provider_down": (1, 0)}
    (alert,) = alerts(conn)
    assert (alert.level, alert.provider) == ("critical", PROVIDER)
    assert alert.metadata["in_a_row"] == 10

    advance(conn, MINUTE)
    succeeded(conn, 1)
    assert check(conn) == {"provider_down": (0, 1)}


def test_a_refused_account_is_told_at_once(conn: psycopg.Connection[Any]) -> None:
    failed(conn, 1, error_type="provider_out_of_credits")

    assert check(conn) == {"provider_out_of_credits": (1, 0)}
    assert now_open(conn) == {("provider_out_of_credits", PROVIDER): "critical"}

    advance(conn, 10 * MINUTE)
    assert check(conn) == {"provider_out_of_credits": (0, 1)}


def test_callbacks_that_nobody_waits_for_are_told_of(conn: psycopg.Connection[Any]) -> None:
    call(conn, "handle_provider_callback", PROVIDER, "task-1", "200")
    advance(conn, 10 * MINUTE - MICROSECOND)
    assert check(conn) == {}

    advance(conn, MICROSECOND)
    assert check(conn) == {"callback_unmatched": (1, 0)}
    assert now_open(conn) == {("callback_unmatched", PROVIDER): "warning"}

    user, generation = started(conn)
    assert call(conn, "attach_provider_task", user, generation, "task-1").status == "succeeded"
    assert check(conn) == {"callback_unmatched": (0, 1)}


# --- the platform ---------------------------------------------------------------------------------


def test_what_is_in_flight_past_its_deadline_is_stuck(conn: psycopg.Connection[Any]) -> None:
    started(conn, p_timeout=MINUTE)
    started(conn, p_timeout=2 * MINUTE)
    advance(conn, MINUTE - MICROSECOND)
    assert check(conn) == {}

    advance(conn, MICROSECOND)
    assert check(conn) == {"generation_stuck": (1, 0)}
    (alert,) = alerts(conn)
    assert (alert.level, alert.metadata["generations"]) == ("warning", 1)

    (swept,) = rows(conn, "sweep_stuck_generations")
    assert swept.credits == 10
    assert check(conn) == {"generation_stuck": (0, 1)}


def test_maintenance_that_leaves_what_is_due_for_too_long_is_behind(
    conn: psycopg.Connection[Any],
) -> None:
    set_rule(conn, "maintenance_behind", enabled=True)
    started(conn, p_timeout=MINUTE)
    advance(conn, 16 * MINUTE - MICROSECOND)
    assert check(conn) == {"generation_stuck": (1, 0)}

    advance(conn, MICROSECOND)
    assert check(conn) == {"maintenance_behind": (1, 0)}
    alert = alerts(conn)[-1]
    assert (alert.level, alert.metadata) == (
        "warning",
        {"sweep_stuck_generations": "2031-05-16T12:01:00.000000Z"},
    )
    assert "sweep_stuck_generations" in alert.message

    rows(conn, "sweep_stuck_generations")
    assert check(conn) == {"generation_stuck": (0, 1), "maintenance_behind": (0, 1)}


def test_ledgers_that_are_never_checked_are_a_task_that_is_behind(
    conn: psycopg.Connection[Any],
) -> None:
    set_rule(conn, "maintenance_behind", enabled=True)
    grant(conn, new_user(), 5)
    advance(conn, 75 * MINUTE)

    assert check(conn) == {"maintenance_behind": (1, 0)}

    rows(conn, "check_ledger")
    assert check(conn) == {"maintenance_behind": (0, 1)}


@pytest.mark.tampers
def test_a_violated_ledger_is_critical_until_it_is_mended(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    conn.execute("update credits.credit_lots set remaining = 9")
    assert check(conn) == {}

    assert rows(conn, "check_ledger")
    assert check(conn) == {"ledger_violation": (1, 0)}
    assert now_open(conn) == {("ledger_violation", ""): "critical"}

    conn.execute("update credits.credit_lots set remaining = 10")
    assert rows(conn, "check_ledger") == []
    assert check(conn) == {"ledger_violation": (0, 1)}


def _bought(conn: psycopg.Connection[Any], key: str, **named: Any) -> Any:
    return grant(conn, new_user(), 10, p_source="purchase", p_idempotency_key=key, **named)


@pytest.mark.tampers
def test_one_payment_granted_to_two_users_is_found_within_a_minute(
    conn: psycopg.Connection[Any],
) -> None:
    first = _bought(conn, "pi_1")
    _bought(conn, "pi_2")
    assert check(conn) == {}
    # However long ago the first of them was.
    advance(conn, 400 * DAY)
    second = _bought(conn, "pi_1")
    grant(conn, new_user(), 10, p_source="promo", p_idempotency_key="pi_2")
    advance(conn, MINUTE)

    assert check(conn) == {"purchase_key_shared": (1, 0)}

    assert now_open(conn) == {("purchase_key_shared", "pi_1"): "critical"}
    (alert,) = alerts(conn)
    assert alert.metadata == {
        "idempotency_key": "pi_1",
        "user_ids": sorted(str(row.user_id) for row in (first, second)),
    }
    # It stays until one of the two has been revoked in full.
    advance(conn, 3 * DAY)
    assert check(conn) == {}
    revoke(conn, first.user_id, first, 4)
    assert check(conn) == {}
    revoke(conn, first.user_id, first)
    assert check(conn) == {"purchase_key_shared": (0, 1)}


@pytest.mark.tampers
def test_a_payment_whose_grant_was_revoked_may_go_to_another_user(
    conn: psycopg.Connection[Any],
) -> None:
    wrong = _bought(conn, "pi_1")
    revoke(conn, wrong.user_id, wrong)
    _bought(conn, "pi_1")

    assert check(conn) == {}
    assert rows(conn, "verify_ledger") == []
    set_rule(conn, "purchase_key_shared", enabled=False)
    _bought(conn, "pi_1")
    assert check(conn) == {}


def _absorbed(conn: psycopg.Connection[Any], usd: str) -> None:
    failed(
        conn,
        provider="billing",
        error_type=USERS_FAULT,
        p_provider_billed=True,
        p_cost_usd=Decimal(usd),
    )


@pytest.mark.parametrize(
    ("each_day_before", "today", "opens"),
    [
        ("4", "12", False),  # three times the median
        ("4", "12.01", True),
        ("0", "10", False),  # the floor
        ("0", "10.01", True),
    ],
)
def test_absorbed_costs_are_judged_by_the_days_before(
    conn: psycopg.Connection[Any], each_day_before: str, today: str, opens: bool
) -> None:
    for days in range(14, 0, -1):
        set_clock(conn, NOON - days * DAY)
        _absorbed(conn, each_day_before)
    # A day before these counts as little as a day on which nothing was billed.
    set_clock(conn, NOON)
    _absorbed(conn, today)

    assert check(conn) == ({"absorbed_cost_high": (1, 0)} if opens else {})

    # By midnight today is over.
    set_clock(conn, NOON.replace(hour=23, minute=59))
    assert check(conn) == {}
    set_clock(conn, NOON.replace(hour=0, minute=0) + DAY)
    assert check(conn) == ({"absorbed_cost_high": (0, 1)} if opens else {})


def test_today_is_a_day_of_the_business_time_zone(conn: psycopg.Connection[Any]) -> None:
    # Where it is twelve hours later, noon is midnight.
    conn.execute("update credits.settings set business_time_zone = 'Etc/GMT-12'")
    set_clock(conn, NOON - MINUTE)
    _absorbed(conn, "11")
    assert check(conn) == {"absorbed_cost_high": (1, 0)}

    set_clock(conn, NOON)

    assert check(conn) == {"absorbed_cost_high": (0, 1)}


def test_the_days_before_are_days_of_the_business_time_zone(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute("update credits.settings set business_time_zone = 'Etc/GMT-12'")
    # Six o'clock there: were a day any longer, the next one's cost would count in it, too.
    for days in range(14, 0, -1):
        set_clock(conn, NOON - days * DAY + timedelta(hours=6))
        _absorbed(conn, "4")
    set_clock(conn, NOON + timedelta(hours=6))
    _absorbed(conn, "12.01")

    assert check(conn) == {"absorbed_cost_high": (1, 0)}
    assert alerts(conn)[0].metadata == {"cost_usd": 12.01, "median_usd": 4}


@pytest.mark.parametrize("billed", [False, None])
def test_what_was_not_billed_is_not_absorbed(
    conn: psycopg.Connection[Any], billed: bool | None
) -> None:
    failed(conn, error_type=USERS_FAULT, p_provider_billed=billed, p_cost_usd=Decimal(50))

    assert check(conn) == {}


def test_what_was_billed_but_not_given_back_is_not_absorbed(conn: psycopg.Connection[Any]) -> None:
    conn.execute("update credits.refund_policies set refund_percent = 0")
    user, generation = started(conn)
    call(
        conn,
        "fail_generation",
        user,
        generation,
        USERS_FAULT,
        p_provider_billed=True,
        p_cost_usd=Decimal(50),
    )

    assert check(conn) == {}


def test_without_a_reported_cost_the_quoted_one_is_absorbed(conn: psycopg.Connection[Any]) -> None:
    attempt = started(conn, p_quoted_cost_usd=Decimal(11))
    call(conn, "fail_generation", *attempt, USERS_FAULT, p_provider_billed=True)

    assert check(conn) == {"absorbed_cost_high": (1, 0)}


# --- all rules ------------------------------------------------------------------------------------


def test_an_event_that_does_not_come_again_is_resolved(conn: psycopg.Connection[Any]) -> None:
    value(conn, "raise_alert", "conflicting_failure", "as a settlement says it")
    value(conn, "raise_alert", "a type without a rule", "as an application says it")
    advance(conn, timedelta(days=6))
    value(conn, "raise_alert", "conflicting_failure", "once more")

    advance(conn, timedelta(days=7) - MICROSECOND)
    assert check(conn) == {}

    advance(conn, MICROSECOND)
    assert check(conn) == {"conflicting_failure": (0, 1)}
    assert {a.type: a.resolved_by for a in alerts(conn)} == {
        "conflicting_failure": "pgcredits",
        "a type without a rule": None,
    }


def test_a_disabled_rule_opens_nothing_and_resolves_what_is_open(
    conn: psycopg.Connection[Any],
) -> None:
    failed(conn, 1, error_type="provider_out_of_credits")
    assert check(conn) == {"provider_out_of_credits": (1, 0)}

    set_rule(conn, "provider_out_of_credits", enabled=False)

    assert check(conn) == {"provider_out_of_credits": (0, 1)}
    assert check(conn) == {}
    assert value(conn, "raise_alert", "provider_out_of_credits", "by hand") is None
    assert now_open(conn) == {}


def test_a_rule_without_a_row_judges_nothing(conn: psycopg.Connection[Any]) -> None:
    conn.execute("delete from credits.alert_rules")
    failed(conn, 20, error_type="provider_out_of_credits")
    started(conn, p_timeout=MINUTE)
    advance(conn, MINUTE)

    assert check(conn) == {}


def test_an_open_alert_is_not_opened_twice_and_follows_the_figures(
    conn: psycopg.Connection[Any],
) -> None:
    failed(conn, 3)
    succeeded(conn, 7)
    check(conn)
    advance(conn, MINUTE)
    failed(conn, 5)

    assert check(conn) == {}

    (alert,) = alerts(conn)
    assert (alert.type, alert.level, alert.occurrences) == ("provider_failure_rate", "critical", 2)
    assert alert.metadata == {"finished": 15, "faults": 8}


def test_it_calms_down_only_by_being_resolved(conn: psycopg.Connection[Any]) -> None:
    failed(conn, 6)
    succeeded(conn, 4)
    check(conn)
    succeeded(conn, 8)

    check(conn)

    assert now_open(conn) == {("provider_failure_rate", PROVIDER): "critical"}


def test_once_resolved_by_hand_it_opens_anew_while_its_cause_lasts(
    conn: psycopg.Connection[Any],
) -> None:
    failed(conn, 1, error_type="provider_out_of_credits")
    check(conn)
    (alert,) = alerts(conn)
    call(conn, "resolve_alert", PLATFORM, alert.alert_id, "Ada", "topped up")

    assert check(conn) == {"provider_out_of_credits": (1, 0)}
    assert len(alerts(conn)) == 2


@pytest.mark.parametrize("error_type", [PROVIDERS_FAULT, USERS_FAULT])
def test_what_was_cancelled_is_nobodys_failure(
    conn: psycopg.Connection[Any], error_type: str
) -> None:
    for _ in range(12):
        attempt = started(conn)
        call(conn, "attach_provider_task", *attempt)
        call(conn, "cancel_generation", *attempt)
        assert call(conn, "fail_generation", *attempt, error_type).status == "cancelled"

    assert "provider_failure_rate" not in check(conn)
    assert ("provider_down", PROVIDER) not in now_open(conn)


def test_an_alert_that_somebody_holds_does_not_hold_up_the_others(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    failed(conn, 1, "first", error_type="provider_out_of_credits")
    failed(conn, 1, "second", error_type="provider_out_of_credits")
    check(conn)
    advance(conn, 10 * MINUTE)
    holder = database.connect(autocommit=False)
    holder.execute("select from credits.system_alerts where provider = 'first' for update")

    assert check(conn) == {"provider_out_of_credits": (0, 1)}
    assert now_open(conn) == {("provider_out_of_credits", "first"): "critical"}

    holder.rollback()
    assert check(conn) == {"provider_out_of_credits": (0, 1)}
    assert now_open(conn) == {}


def test_an_alert_that_somebody_holds_is_told_again_later(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    value(conn, "raise_alert", "refund_failed", "m")
    advance(conn, HOUR)
    holder = database.connect(autocommit=False)
    holder.execute("select from credits.system_alerts for update")

    assert check(conn) == {}
    assert alerts(conn)[0].notified_at == NOON

    holder.rollback()
    check(conn)
    assert alerts(conn)[0].notified_at == NOON + HOUR


def test_of_two_judgements_the_older_opens_nothing_that_was_resolved_since(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    failed(conn, 1, "second", error_type="provider_out_of_credits")
    check(conn)
    (second,) = alerts(conn)
    failed(conn, 1, "first", error_type="provider_out_of_credits")

    with held_before_it_opens(conn, database, "first") as judged:
        call(conn, "resolve_alert", PLATFORM, second.alert_id, "Ada")

    assert judged == [("provider_out_of_credits", 1, 0)]
    assert now_open(conn) == {("provider_out_of_credits", "first"): "critical"}


def test_a_judgement_of_before_a_resolution_opens_nothing(conn: psycopg.Connection[Any]) -> None:
    opens = (
        "select credits_internal.open_conditions("
        " array(select c from credits_internal.alert_conditions(%(at)s) as c), %(at)s)"
    )
    failed(conn, 1, error_type="provider_out_of_credits")
    check(conn)
    advance(conn, MICROSECOND)
    call(conn, "resolve_alert", PLATFORM, alerts(conn)[0].alert_id, "Ada")

    assert conn.execute(opens, {"at": NOON}).fetchone() == ([],)
    assert now_open(conn) == {}

    assert conn.execute(opens, {"at": NOON + MICROSECOND}).fetchone() == (
        ["provider_out_of_credits"],
    )


def test_of_two_judgements_the_older_resolves_nothing_that_was_raised_since(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    failed(conn, 1, "first", error_type="provider_out_of_credits")

    with held_before_it_opens(conn, database, "first") as judged:
        advance(conn, MICROSECOND)
        value(conn, "raise_alert", "provider_down", "as a newer judgement says")

    assert judged == [("provider_out_of_credits", 1, 0)]
    assert ("provider_down", "") in now_open(conn)
    assert check(conn) == {"provider_down": (0, 1)}


@contextmanager
def held_before_it_opens(
    conn: psycopg.Connection[Any], database: Database, provider: str
) -> Iterator[list[Any]]:
    """What a check returns that has judged before the block, and opens alerts after it."""
    judged: list[Any] = []
    conn.execute(
        "create function public.hold() returns trigger language plpgsql set lock_timeout = 0 as"
        " $$ begin perform pg_advisory_xact_lock(4711); return new; end $$"
    )
    conn.execute(
        "create trigger hold before insert on credits.system_alerts for each row"
        f" when (new.provider = '{provider}') execute function public.hold()"
    )
    with Session(database) as holder, Session(database) as older:
        holder.run("begin")
        holder.run("select pg_advisory_xact_lock(4711)")
        older.start("select * from credits.check_alerts()")
        assert older.is_blocked(by=holder)
        yield judged
        holder.run("commit")
        judged += older.result()


@pytest.mark.tampers  # made-up rows, without their charges
def test_it_reads_no_more_than_the_windows_of_its_rules(conn: psycopg.Connection[Any]) -> None:
    for table, columns, query in (
        (
            "generations",
            "user_id, generation_id, charge_transaction_id, credits_charged, created_at,"
            " deadline_at, finished_at, last_event_no, status, provider, generation_type,"
            " provider_billed, cost_usd, error_type, metadata",
            "u.id, t.id, t.id, 1, t.at, t.at, t.at, 1, 'failed', 'p', 'image', true, 1,"
            " 'internal_error', '{}'",
        ),
        (
            "refund_totals",
            "user_id, transaction_id, charged, refunded, last_refund_id",
            "u.id, t.id, 1, 1, t.id",
        ),
        (
            "credit_transactions",
            "user_id, transaction_id, seq, credits, balance_after, created_at, transaction_type,"
            " refund_of, allocations, metadata, content_digest, entry_hash",
            "u.id, t.id, i, 1, 1, t.at, 'refund', t.id, '[]', '{}', '', ''",
        ),
    ):
        conn.execute(
            f"insert into credits.{table} ({columns}) select {query}"
            " from generate_series(1, 40000) as i"
            " cross join lateral (select md5((i %% 100)::text)::uuid as id) as u"
            " cross join lateral (select md5('t' || i)::uuid as id,"
            "  %s::timestamptz - i * interval '30 minutes' as at) as t",
            (NOON,),
        )
    for table in ("generations", "refund_totals", "credit_transactions"):
        conn.execute(f"vacuum analyze credits.{table}")

    # What this session has read so far is not to be counted.
    conn.execute("select pg_stat_force_next_flush()")
    with conn.transaction():
        assert set(check(conn)) == {"provider_down", "refund_rate_high"}
        read = {
            row.relname: row.read
            for row in conn.execute(
                "select s.relname, s.seq_tup_read + s.idx_tup_fetch as read"
                " from pg_stat_xact_user_tables as s where s.schemaname = 'credits'"
            )
        }

    # An hour, ten minutes, a day twice; today and, since that is above the floor, 14 days before:
    # 48 of each day.
    assert read["generations"] < 48 * 20
    assert read["refund_totals"] < 48 * 20
    # Found by ranges of pages, not row by row.
    assert read["credit_transactions"] < 40_000 / 4


def test_nobody_is_reminded_by_a_rule_that_is_disabled(conn: psycopg.Connection[Any]) -> None:
    value(conn, "raise_alert", "callback_unclassified", "m")
    set_rule(conn, "callback_unclassified", enabled=False, renotify_after=HOUR)
    advance(conn, HOUR)

    check(conn)

    assert alerts(conn)[0].notified_at == NOON


def test_each_type_that_has_a_condition_is_judged_and_no_other(
    conn: psycopg.Connection[Any],
) -> None:
    judged = {
        row.type for row in conn.execute("select type from credits.alert_types where is_judged")
    }
    conditions = {
        file.stem.removesuffix("_condition")
        for file in (PROCEDURES / "internal" / "alerts" / "conditions").glob("*_condition.sql")
    }

    # One that is open becomes critical with time; the refund itself opens and resolves it.
    assert conditions - {"platform", "refund_failed"} == judged
    source = (
        PROCEDURES / "internal" / "alerts" / "conditions" / "alert_conditions.sql"
    ).read_text()
    assert set(re.findall(r"(\w+)_condition\(", source)) == conditions - {"platform"}


def test_each_rule_is_of_a_known_type(conn: psycopg.Connection[Any]) -> None:
    unknown = conn.execute(
        "select r.type from credits.alert_rules as r"
        " left join credits.alert_types as t using (type) where t.type is null"
    ).fetchall()

    assert unknown == []
