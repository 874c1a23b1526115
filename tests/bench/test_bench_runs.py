"""The benchmark program works; how fast anything is, is not judged here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import hostile, stuck, views
from bench.attacks import ATTACKS
from bench.program import main
from bench.setting import SCENARIOS, Setting

if TYPE_CHECKING:
    from pathlib import Path

    from support.servers import PostgresServer

LITTLE = ["--users", "20", "--clients", "2", "--rounds", "1", "--ledger-rows", "100"]


@pytest.mark.slow
def test_it_measures_both_sides_in_all_scenarios(
    postgres_server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "results" / "short"

    status = main(
        [
            *("--dsn", postgres_server.dsn(), "--transactions", "10", *LITTLE),
            *("--json", "--output", str(output)),
        ]
    )

    # 8: a ratio was missed, which a handful of calls may do.
    assert status in {0, 8}
    report = json.loads(capsys.readouterr().out)
    assert [s["scenario"] for s in report["scenarios"]] == [s.name for s in SCENARIOS]
    for scenario in report["scenarios"]:
        assert len(scenario["sides"]) == 2
        for figures in scenario["sides"].values():
            assert figures["tps"] > 0
            assert 0 < figures["p50_ms"] <= figures["p99_ms"]
            assert figures["wal_bytes_per_call"] > 0
            assert all(0 <= share <= 1 for share in figures["hot_update_share"].values())
        assert scenario["users_verified"] > 0
    # Two grants for each user, the rows of the load, and those of the warm-up; then generations:
    # those of the warm-up, those of the load and one for each user.
    assert [s["rows_before"] for s in report["scenarios"]] == [60, 60, 160, 20, 20, 120]
    assert json.loads(output.with_suffix(".json").read_text()) == report
    assert "| deduct |" in output.with_suffix(".md").read_text()


def test_it_times_every_view(
    postgres_server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "views"

    status = views.main(
        [
            *("--dsn", postgres_server.dsn(), "--users", "20", "--generations", "100"),
            *("--repeats", "1", "--json", "--output", str(output)),
        ]
    )

    assert status in {0, 8}
    report = json.loads(capsys.readouterr().out)
    assert report["generations"] == 100
    # Two grants and two deductions for each user and generation, and what came back.
    assert 40 + 300 < report["ledger_rows"] - 200 <= 40 + 400
    assert report["users_verified"] == 20
    timed = {t["name"] for t in report["timings"]}
    assert {"dashboard_stats()", "system_health", "usage_daily", "generation_costs"} <= timed
    assert all(t["ms"] > 0 for t in report["timings"])
    assert "| usage_daily |" in output.with_suffix(".md").read_text()


@pytest.mark.slow
def test_it_attacks_generations_and_proves_that_nothing_is_lost(
    postgres_server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "hostile"

    status = hostile.main(
        [
            *("--dsn", postgres_server.dsn(), "--users", "20", "--clients", "2", "--rounds", "1"),
            *("--transactions", "20", "--json", "--output", str(output)),
        ]
    )

    # 8: so few generations are slower or faster by chance.
    assert status in {0, 8}
    report = json.loads(capsys.readouterr().out)
    assert list(report["sides"])[:3] == ["calm", "elsewhere", "here"]
    # The warm-up, and a run in each surrounding.
    assert report["generations"] == 40 * (1 + len(report["sides"]))
    assert {what: found for what, found in report["broken"].items() if found} == {}
    for side in report["sides"].values():
        assert side["tps"] > 0
        assert side["alerts_told"] == side["alerts_raised"] > 0
    attacks = {name: sides["here"] for name, sides in report["attacks"].items()}
    assert list(attacks) == [a.name for a in ATTACKS]
    # All have taken hold; what is refused is what nobody may do.
    assert all(a["done"] > 0 for a in attacks.values())
    assert not {name for name in ("session_locks", "listener") if attacks[name]["refused"]}
    assert "| here |" in output.with_suffix(".md").read_text()


def test_the_database_is_gone_afterwards(postgres_server: PostgresServer) -> None:
    main(["--dsn", postgres_server.dsn(), "--transactions", "1", "--scenario", "hot", *LITTLE])

    with postgres_server.connect() as conn:
        left = conn.execute(
            "select datname from pg_database where datname like 'pgcredits_bench_%'"
        ).fetchall()
    assert left == []


def test_a_missing_pgbench_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["--bindir", str(tmp_path)])

    assert status == 6
    assert "does not run" in capsys.readouterr().err


def test_the_setting_is_the_pinned_one() -> None:
    pinned = Setting()

    assert (pinned.users, pinned.clients, pinned.threads) == (10_000, 8, 2)
    assert (pinned.rounds, pinned.ledger_rows) == (5, 5_000_000)


def test_it_times_the_refunds_of_stuck_generations(
    postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    status = stuck.main(
        [
            *("--dsn", postgres_server.dsn(), "--users", "10", "--stuck", "20"),
            *("--huge-rows", "50", "--sample", "10"),
        ]
    )

    assert status == 0
    report = json.loads(capsys.readouterr().out)
    # All but the locked user's two.
    assert report["left_of_locked_user"] == 2
    assert report["tasks"]["sweep_stuck_generations"]["count"] == 18
    assert report["users_verified"] == 10
