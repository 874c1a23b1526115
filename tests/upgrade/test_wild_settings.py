"""Values of 0.1.0 that lie outside the bounds are moved to the nearest one, and that is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgcredits import deploy
from support.api import rows

if TYPE_CHECKING:
    from support.databases import Database

CHECKS = """
select
    c.conrelid::regclass::text as relation,
    c.conname as name,
    pg_get_constraintdef(c.oid) as definition
from pg_constraint as c
where c.connamespace = 'credits'::regnamespace
order by
    c.conrelid::regclass::text,
    c.conname
"""

SETTINGS = """
select
    s.refund_grace::text,
    s.default_generation_timeout::text,
    s.default_low_balance_threshold::text,
    s.history_starts_at::text,
    s.business_time_zone
from credits.settings as s
"""
RULES = """
select
    r.type,
    r.threshold::text,
    r.critical_factor::text,
    r.floor_usd::text,
    r.time_window::text,
    r.quiet_after::text,
    r.renotify_after::text
from credits.alert_rules as r
where r.type in ('refund_rate_high', 'maintenance_failed', 'absorbed_cost_high')
order by r.type
"""


def read(conn: Any, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in conn.execute(query)]


def test_wild_values_are_moved_to_the_nearest_bound_and_named(old_database: Database) -> None:
    conn = old_database.connect()
    conn.execute(
        "set timezone to 'UTC';"
        "update credits.settings set refund_grace = '300000 years',"
        " default_generation_timeout = '71582788 months -2147483640 days 1 hour',"
        " default_low_balance_threshold = 9223372036854775807, history_starts_at = '-infinity',"
        " business_time_zone = 'Europe/Berlin';"
        "update credits.alert_rules set threshold = '1e130000', critical_factor = '1e130000',"
        " renotify_after = '10000 years' where type = 'refund_rate_high';"
        "update credits.alert_rules set quiet_after = '3 months -1 day'"
        " where type = 'maintenance_failed';"
        "update credits.alert_rules set threshold = 'NaN', floor_usd = 'NaN',"
        " time_window = '71582788 months -2147483640 days' where type = 'absorbed_cost_high'"
    )

    report = deploy.migrate(old_database.dsn)

    assert read(conn, SETTINGS) == [
        (
            "36525 days",
            "01:00:00",
            "9000000000000000",
            "1970-01-01 00:00:00+00",
            "Europe/Berlin",
        )
    ]
    assert read(conn, RULES) == [
        (
            "absorbed_cost_high",
            "1000000000",
            None,
            "999999999.999999",
            "00:00:00",
            None,
            "06:00:00",
        ),
        ("maintenance_failed", None, None, None, None, "2 mons 29 days", "06:00:00"),
        ("refund_rate_high", "1000000000", "1000000", None, "24:00:00", None, "36525 days"),
    ]
    assert len(report.warnings) == 11
    assert (
        "credits.settings.refund_grace, which was 300000 years, is 36525 days now: the nearest that"
        " is allowed" in report.warnings
    )
    assert set(report.warnings) <= {line.removeprefix("warning: ") for line in report.lines()}
    assert [warning for warning in report.warnings if "(maintenance_failed)" in warning] == [
        "credits.alert_rules (maintenance_failed).quiet_after, which was 3 mons -1 days, is 2 mons"
        " 29 days now: the nearest that is allowed"
    ]
    rows(conn, "run_maintenance")
    assert deploy.check(old_database.dsn, smoke=True).findings == ()


def test_values_that_are_allowed_stay_and_nothing_is_said(old_database: Database) -> None:
    conn = old_database.connect()
    conn.execute("update credits.settings set refund_grace = '1 year 2 days'")
    conn.execute("update credits.alert_rules set quiet_after = '40 days'")
    before = read(conn, SETTINGS), read(conn, RULES)

    report = deploy.migrate(old_database.dsn)

    assert (read(conn, SETTINGS), read(conn, RULES)) == before
    assert report.warnings == ()


def test_an_upgraded_database_has_the_constraints_of_a_new_one(
    old_database: Database, database: Database
) -> None:
    deploy.migrate(old_database.dsn)

    assert read(old_database.connect(), CHECKS) == read(database.connect(), CHECKS)
