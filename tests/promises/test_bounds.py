"""Whatever operators may write into the tables that they edit, every function goes on working."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors, sql

from support.api import call, new_user, rows, value
from support.attempts import PROVIDER, TYPE, callback, complete, fail, generation, start
from support.books import NOON, balance, deduct, grant
from support.clock import advance, set_clock

if TYPE_CHECKING:
    import psycopg

Conn = Any

HOUR = timedelta(hours=1)

# Column, the least and the most that is allowed, and what is refused by which constraint.
BOUNDS = [
    (
        "settings.full_check_every",
        ("1 hour", "36525 days"),
        {
            "59 minutes 59.999999 seconds": "in_range",
            "36525 days 0.000001 seconds": "in_range",
            "300000 years": "in_range",
            "2 days -1 hours": "no_negative_part",
        },
    ),
    (
        "settings.refund_grace",
        ("24 hours", "36525 days"),
        {
            "23 hours 59 minutes 59.999999 seconds": "a_day_or_more",
            "36525 days 0.000001 seconds": "a_century_or_less",
            "300000 years": "a_century_or_less",
            "2 days -1 hours": "no_negative_part",
        },
    ),
    (
        "settings.default_generation_timeout",
        ("0.000001 seconds", "366 days"),
        {
            "0": "in_range",
            "366 days 0.000001 seconds": "in_range",
            # Counts as an hour, and cannot be added to any time.
            "71582788 months -2147483640 days 1 hour": "no_negative_part",
        },
    ),
    (
        "settings.default_low_balance_threshold",
        ("0", "9000000000000000"),
        {"-1": "in_range", "9000000000000001": "in_range"},
    ),
    (
        "settings.refund_rate_target_pct",
        ("0", "100"),
        {"-0.1": "in_range", "100.1": "in_range", "NaN": "in_range"},
    ),
    (
        "settings.history_starts_at",
        ("1970-01-01 00:00+00", "2100-01-01 00:00+00"),
        {
            "1969-12-31 23:59:59.999999+00": "in_range",
            "2100-01-01 00:00:00.000001+00": "in_range",
            "-infinity": "in_range",
            "infinity": "in_range",
        },
    ),
    (
        "alert_rules.threshold",
        ("0", "1000000000"),
        {"-0.1": "in_range", "1000000000.1": "in_range", "NaN": "in_range", "1e130000": "in_range"},
    ),
    (
        "alert_rules.critical_factor",
        ("1", "1000000"),
        {"0.9": "in_range", "1000000.1": "in_range", "Infinity": "in_range"},
    ),
    (
        "alert_rules.floor_usd",
        ("0", "999999999.999999"),
        {"-0.000001": "in_range", "1000000000": "in_range", "NaN": "in_range"},
    ),
    (
        "alert_rules.time_window",
        ("0", "366 days"),
        {
            "-0.000001 seconds": "in_range",
            "366 days 0.000001 seconds": "in_range",
            "71582788 months -2147483640 days": "no_negative_part",
        },
    ),
    (
        "alert_rules.min_samples",
        ("0", "9223372036854775807"),
        {"-1": "not_negative"},
    ),
    *(
        (
            f"alert_rules.{name}",
            ("0.000001 seconds", "36525 days"),
            {
                "0": "in_range",
                "36525 days 0.000001 seconds": "in_range",
                "10000 years": "in_range",
                "1 month -29 days": "no_negative_part",
            },
        )
        for name in ("quiet_after", "renotify_after")
    ),
    *(
        (
            f"settings.keep_{name}",
            ("1 day", "36525 days"),
            {
                "0": "in_range",
                "23 hours 59 minutes 59.999999 seconds": "in_range",
                "36525 days 0.000001 seconds": "in_range",
                "10000 years": "in_range",
                "1 month -1 days": "no_negative_part",
            },
        )
        for name in ("payloads", "resolved_alerts", "unmatched_callbacks")
    ),
    *(
        (
            f"plans.{name}",
            ("0", "1000000000000"),
            {"-1": "in_range", "1000000000001": "in_range"},
        )
        for name in ("monthly_credits", "rollover_max_credits")
    ),
    (
        "refund_policies.refund_percent",
        ("0", "100"),
        {"-0.01": "in_range", "100.01": "in_range", "NaN": "in_range"},
    ),
    (
        "provider_prices.cost_usd",
        ("0", "999999999.999999"),
        {"-0.000001": "in_range", "1000000000": "in_range", "NaN": "in_range"},
    ),
]

# Values on which something would break if a function met them.
WILD = {
    "interval": [
        "300000 years",
        "-300000 years",
        "178000000 years",
        "71582788 months -2147483640 days 1 hour",
        "-71582788 months 2147483640 days 1 hour",
        "106751990 days -2562047760 hours 1 hour",
        "1 month -29 days",
        "1 day -1 second",
        "0",
        "infinity",
        "-infinity",
    ],
    "numeric": ["NaN", "Infinity", "-Infinity", "1e130000", "1e-16000", "-1"],
    "bigint": ["9223372036854775807", "-9223372036854775808"],
    "timestamp with time zone": [
        "infinity",
        "-infinity",
        "294276-12-31 23:59:59+00",
        "4713-01-01 BC",
        "2262-04-12",
    ],
}

# Numbers and times in the tables that operators may update.
EDITABLE = """
select
    c.relname as relation,
    a.attname as name,
    format_type(a.atttypid, null) as type
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace = 'credits'::regnamespace
    and c.relkind = 'r'
    and a.attnum > 0
    and not a.attisdropped
    and has_table_privilege('credits_operator', c.oid, 'update')
    and a.atttypid not in ('text'::regtype, 'boolean'::regtype)
    and a.atttypid not in (select t.oid from pg_type as t where t.typtype = 'e')
order by
    c.relname,
    a.attname
"""

REFUSALS = (
    errors.CheckViolation,
    errors.NotNullViolation,
    # Not a value of the type at all: a numeric(18, 6) of 10^30, infinity before PostgreSQL 17.
    errors.NumericValueOutOfRange,
    errors.InvalidDatetimeFormat,
)


@pytest.fixture(autouse=True)
def _with_history(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    conn.execute("set statement_timeout = '60s'")
    conn.execute(
        "insert into credits.provider_prices values (%s, %s, %s, 0.04)", (PROVIDER, TYPE, NOON)
    )
    # Costs that were absorbed on several days, and a rate that alerts.
    for _ in range(3):
        for _ in range(7):
            fail(conn, start(conn), "timeout", p_provider_billed=True, p_cost_usd=20)
        advance(conn, timedelta(days=1))
    rows(conn, "check_alerts")


def write(conn: Conn, column: str, content: str) -> None:
    """Write this into the column, in every row of its table."""
    relation, name = column.split(".")
    conn.execute(
        sql.SQL("update {} set {} = {}").format(
            sql.Identifier("credits", relation), sql.Identifier(name), sql.Literal(content)
        )
    )


def work(conn: Conn) -> None:
    """Do everything that reads what operators wrote; whatever raises in it fails the test."""
    subscriber, buyer = new_user(), new_user()
    call(conn, "set_user_plan", subscriber, "pro")
    rows(conn, "apply_allowances", 1000)

    # A refund of credits whose lot has expired meanwhile lives by the grace period.
    now = conn.execute("select credits_internal.clock() as at").fetchone().at
    grant(conn, buyer, 30, p_expires_at=now + HOUR)
    attempts = [start(conn, user=buyer, p_timeout=30 * HOUR) for _ in range(3)]
    stuck = start(conn)
    call(conn, "attach_provider_task", buyer, attempts[1].generation, f"task of {buyer}")
    advance(conn, 2 * HOUR)
    fail(conn, attempts[0], p_provider_billed=True)
    callback(conn, f"task of {buyer}", "500")
    complete(conn, attempts[2], 4)
    assert generation(conn, attempts[0]).refund_owed_since is None
    assert balance(conn, buyer) >= 0
    deduct(conn, attempts[0].user, 1) if balance(conn, buyer) else None

    # The deadline passes, a month ends, and each alert is seen again and falls silent.
    for days in (1, 32, 366):
        value(conn, "raise_alert", "ordinary", "told again", p_user_id=buyer)
        for kind in conn.execute("select r.type from credits.alert_rules as r").fetchall():
            value(conn, "raise_alert", kind.type, "again", p_user_id=buyer)
        advance(conn, timedelta(days=days))
        assert [task.task for task in rows(conn, "run_maintenance")][-1] == "check_alerts"
    assert generation(conn, stuck).status == "timed_out"
    failed = conn.execute(
        "select a.type, a.message from credits.system_alerts as a"
        " where a.type in ('maintenance_failed', 'refund_failed') and a.message <> 'again'"
    ).fetchall()
    assert failed == []

    value(conn, "dashboard_stats")
    for view in conn.execute(
        "select c.relname as name from pg_class as c"
        " where c.relnamespace = 'credits_monitoring'::regnamespace and c.relkind = 'v'"
    ).fetchall():
        conn.execute(
            sql.SQL("select count(*) from (select * from {} offset 0) as v").format(
                sql.Identifier("credits_monitoring", view.name)
            )
        )


@pytest.mark.parametrize("end", [0, 1], ids=["least", "most"])
def test_with_all_columns_at_their_bounds_everything_works(
    conn: psycopg.Connection[Any], end: int
) -> None:
    for column, extremes, _ in BOUNDS:
        write(conn, column, extremes[end])
    work(conn)


@pytest.mark.slow
@pytest.mark.parametrize(("column", "extremes", "_refused"), BOUNDS, ids=[b[0] for b in BOUNDS])
def test_at_the_bounds_of_each_column_everything_works(
    conn: psycopg.Connection[Any], column: str, extremes: tuple[str, str], _refused: object
) -> None:
    for extreme in extremes:
        write(conn, column, extreme)
        work(conn)


@pytest.mark.parametrize(("column", "_extremes", "refused"), BOUNDS, ids=[b[0] for b in BOUNDS])
def test_beyond_the_bounds_a_constraint_says_so(
    conn: psycopg.Connection[Any], column: str, _extremes: object, refused: dict[str, str]
) -> None:
    for beyond, constraint in refused.items():
        with pytest.raises(errors.CheckViolation) as caught:
            write(conn, column, beyond)
        assert caught.value.diag.constraint_name == f"{column.replace('.', '_')}_{constraint}"


@pytest.mark.slow
def test_a_wild_value_is_refused_or_does_no_harm(conn: psycopg.Connection[Any]) -> None:
    columns = conn.execute(EDITABLE).fetchall()
    assert {f"{c.relation}.{c.name}" for c in columns} == {
        *(bound[0] for bound in BOUNDS),
        "provider_prices.effective_from",
    }

    for column in columns:
        for content in WILD[column.type]:
            with conn.transaction(force_rollback=True):
                try:
                    with conn.transaction():
                        write(conn, f"{column.relation}.{column.name}", content)
                except REFUSALS:
                    continue
                work(conn)
