"""The settings are one row, which is always there and always makes sense."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from support.api import refused
from support.books import refused_without_trace

if TYPE_CHECKING:
    from support.databases import Database


def test_the_defaults_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    (settings,) = conn.execute("select * from credits.settings").fetchall()

    assert settings.business_time_zone == "UTC"
    assert settings.refund_rate_target_pct == Decimal(5)
    assert settings.default_generation_timeout == timedelta(hours=1)
    assert settings.default_low_balance_threshold is None
    assert settings.refund_grace == timedelta(days=7)
    assert settings.notify_alerts is True


@pytest.mark.parametrize(
    "statement",
    [
        "delete from credits.settings",
        "delete from credits.settings where false",
        "truncate credits.settings",
    ],
)
def test_the_row_cannot_be_removed(conn: psycopg.Connection[Any], statement: str) -> None:
    with refused_without_trace(conn, "23001", "settings_needed"):
        conn.execute(statement)


def test_an_operator_cannot_remove_it_either(database: Database) -> None:
    operator = database.connect(role="credits_operator")

    with refused("23001", "settings_needed"):
        operator.execute("delete from credits.settings")
    with refused("42501"):
        operator.execute("truncate credits.settings")


def test_there_is_no_second_row(conn: psycopg.Connection[Any]) -> None:
    with refused_without_trace(conn, "23505"):
        conn.execute("insert into credits.settings default values")
    with refused_without_trace(conn, "23514") as refusal:
        conn.execute("insert into credits.settings (one_row) values (false)")
    assert isinstance(refusal.error, psycopg.Error)
    assert refusal.error.diag.constraint_name == "settings_one_row_only"


@pytest.mark.parametrize(
    ("setting", "value", "sqlstate"),
    [
        ("business_time_zone", "Europe/Berln", "22023"),
        ("business_time_zone", "", "22023"),
        ("business_time_zone", None, "23502"),
        ("refund_rate_target_pct", "-1", "23514"),
        ("refund_rate_target_pct", "101", "23514"),
        ("refund_rate_target_pct", "NaN", "23514"),
        ("default_generation_timeout", "0", "23514"),
        ("default_generation_timeout", "-1 hour", "23514"),
        ("default_low_balance_threshold", "-1", "23514"),
        ("refund_grace", "23 hours 59 minutes", "23514"),
        ("refund_grace", None, "23502"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(
    conn: psycopg.Connection[Any], setting: str, value: str | None, sqlstate: str
) -> None:
    with refused_without_trace(conn, sqlstate):
        conn.execute(f"update credits.settings set {setting} = %s", (value,))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("business_time_zone", "America/Argentina/Buenos_Aires"),
        ("refund_rate_target_pct", "0.5"),
        ("default_generation_timeout", "10 minutes"),
        ("default_low_balance_threshold", "0"),
        ("default_low_balance_threshold", None),
        ("refund_grace", "24 hours"),
        ("notify_alerts", "off"),
    ],
)
def test_an_operator_can_change_a_setting(
    database: Database, conn: psycopg.Connection[Any], setting: str, value: str | None
) -> None:
    operator = database.connect(role="credits_operator")

    operator.execute(f"update credits.settings set {setting} = %s", (value,))

    query = f"select ({setting} is not distinct from %s) as is_set from credits.settings"
    assert conn.execute(query, (value,)).fetchone() == (True,)
