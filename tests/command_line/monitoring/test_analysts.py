"""Analysts: a login in the group reads every view and nothing else, with psql and with pandas."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import sql

from command_line.monitoring.half_a_day import ANN, live
from pgcredits.server import find_binaries
from support.api import refused

if TYPE_CHECKING:
    import psycopg

    from command_line.monitoring.conftest import Analyst

NO_PANDAS = "pandas and SQLAlchemy are not installed (CI's leg monitoring has them)"


def names(conn: psycopg.Connection[Any], schema: str, *kinds: str) -> list[str]:
    """Relations of a schema, of these kinds (relkind)."""
    found = conn.execute(
        "select c.relname as name from pg_class as c"
        " where c.relnamespace = %s::regnamespace and c.relkind::text = any (%s)"
        " order by c.relname",
        (schema, list(kinds)),
    )
    return [row.name for row in found]


def views(conn: psycopg.Connection[Any]) -> list[str]:
    found = names(conn, "credits_monitoring", "v", "m")
    assert "system_health" in found
    return found


def psql(analyst: Analyst, *commands: str) -> str:
    """What psql prints of these commands, of which the first that fails ends it."""
    binaries = find_binaries()
    program = shutil.which("psql", path=str(binaries.bindir))
    assert program is not None
    arguments = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(
        [program, "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", analyst.dsn, *arguments],
        capture_output=True,
        text=True,
        env=dict(binaries.environment()),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_psql_reads_every_view(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    live(conn)
    found = views(conn)

    counts = psql(analyst, *(f"select count(*) from credits_monitoring.{name}" for name in found))

    assert len(counts.split()) == len(found)
    # Two legs for each of Ann's and Ben's rows: a grant each, eight charges, one refund.
    by_name = dict(zip(found, map(int, counts.split()), strict=True))
    assert by_name["user_statement"] == 11
    assert by_name["ledger_entries"] == 22
    assert by_name["system_health"] == 1
    # Those that show a failure each, or a day of a provider each.
    assert by_name["recent_failures"] == 2
    assert by_name["provider_costs_daily"] == 2


def test_nothing_else_can_be_read_or_written(
    conn: psycopg.Connection[Any], analyst: Analyst
) -> None:
    live(conn)
    reader = analyst.connect()
    others = [
        (schema, name)
        for schema in ("credits", "credits_internal", "credits_deploy")
        for name in names(conn, schema, "r", "p", "v", "m", "S")
    ]
    assert ("credits", "credit_transactions") in others
    assert any(schema == "credits_deploy" for schema, _ in others)

    for schema, name in others:
        with refused("42501"):
            reader.execute(sql.SQL("select from {}").format(sql.Identifier(schema, name)))
    for name in views(conn):
        for statement in ("delete from {}", "insert into {} default values"):
            # 55000: most views could not be written by anybody.
            with pytest.raises(Exception, match=r"permission denied|cannot (insert|delete)"):
                reader.execute(
                    sql.SQL(statement).format(sql.Identifier("credits_monitoring", name))
                )
    with refused("42501"):
        reader.execute("create table credits_monitoring.mine ()")


def test_one_function_can_be_executed(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    allowed = conn.execute(
        "select p.proname as name from pg_proc as p"
        " where p.pronamespace::regnamespace::text like 'credits%%'"
        " and has_schema_privilege(%(login)s, p.pronamespace, 'usage')"
        " and has_function_privilege(%(login)s, p.oid, 'execute')",
        {"login": analyst.name},
    ).fetchall()

    assert [row.name for row in allowed] == ["dashboard_stats"]


def test_pandas_reads_every_view(conn: psycopg.Connection[Any], analyst: Analyst) -> None:
    pandas = pytest.importorskip("pandas", reason=NO_PANDAS)
    sqlalchemy = pytest.importorskip("sqlalchemy", reason=NO_PANDAS)
    live(conn)
    engine = sqlalchemy.create_engine(analyst.url("postgresql+psycopg"))

    try:
        for name in views(conn):
            expected = conn.execute(
                sql.SQL("select count(*) as n from {}").format(
                    sql.Identifier("credits_monitoring", name)
                )
            ).fetchone()
            frame = pandas.read_sql_table(name, engine, schema="credits_monitoring")
            assert expected is not None
            assert len(frame) == expected.n, name
    finally:
        engine.dispose()


def test_pandas_gets_days_as_dates_counts_as_integers_and_money_as_it_is_asked_for(
    conn: psycopg.Connection[Any], analyst: Analyst
) -> None:
    """Money comes as floats, null as NaN; exact, as Decimal, with `coerce_float=False`."""
    pandas = pytest.importorskip("pandas", reason=NO_PANDAS)
    sqlalchemy = pytest.importorskip("sqlalchemy", reason=NO_PANDAS)
    live(conn)
    costs = "select * from credits_monitoring.provider_costs_daily order by provider"
    statement = sqlalchemy.text(
        "select * from credits_monitoring.user_statement where user_id = :user order by seq"
    )
    engine = sqlalchemy.create_engine(analyst.url("postgresql+psycopg"))
    try:
        usual = pandas.read_sql(costs, engine)
        exact = pandas.read_sql(costs, engine, coerce_float=False)
        entries = pandas.read_sql(statement, engine, params={"user": ANN})
    finally:
        engine.dispose()

    assert list(usual["provider"]) == ["nanobanana", "sloth"]
    assert all(type(day) is date for day in usual["day"])
    assert usual["billed_generations"].dtype == "int64"
    assert list(usual["billed_generations"]) == [4, 1]
    assert usual["cost_usd"].dtype == "float64"
    assert usual["cost_usd"][0] == pytest.approx(0.15)
    assert pandas.isna(usual["cost_usd"][1])
    assert exact["cost_usd"][0] == Decimal("0.15")
    assert type(exact["cost_usd"][0]) is Decimal
    assert entries["credits"].dtype == "int64"
    assert entries["credits"].sum() == 60
    assert entries["balance_after"].iloc[-1] == 60
    assert isinstance(entries["at"].dtype, pandas.DatetimeTZDtype)
    assert str(entries["at"].dt.tz) == "UTC"
