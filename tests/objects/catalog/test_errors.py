"""Codes are API: each is in the table of errors, documented where it is raised, and provoked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from objects.catalog.objects import functions, raised
from support.paths import PROCEDURES_PAGE, ROOT

if TYPE_CHECKING:
    import psycopg

ERRORS = sorted({(sqlstate, error) for sqlstate, error, _ in raised()})

# DESIGN §5.
CONTRACT = {
    ("PT402", "insufficient_credits"),
    ("PT403", "account_frozen"),
    ("PT404", "user_not_found"),
    ("PT404", "transaction_not_found"),
    ("PT404", "generation_not_found"),
    ("PT404", "plan_not_found"),
    ("PT404", "alert_not_found"),
    ("PT409", "idempotency_conflict"),
    ("PT409", "over_refund"),
    ("PT409", "not_refundable"),
    ("PT409", "provider_task_conflict"),
    ("PT410", "moved_to_pgcredits"),
    ("PT422", "invalid_argument"),
    ("40001", "balance_changed"),
    # What no function does, but an owner may try.
    ("23001", "append_only"),
    ("23001", "settings_needed"),
}


def test_errors_are_those_of_the_contract() -> None:
    assert len(ERRORS) > 8
    assert set(ERRORS) <= CONTRACT


def test_one_code_has_one_sqlstate() -> None:
    codes = [error for _, error in ERRORS]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(("sqlstate", "error"), ERRORS)
def test_an_error_is_in_the_table_of_errors(sqlstate: str, error: str) -> None:
    page = PROCEDURES_PAGE.read_text(encoding="utf-8")
    section = page.partition("\n## Errors\n")[2].partition("\n## ")[0]
    table_rows = [line for line in section.splitlines() if line.startswith("|")]

    assert [row for row in table_rows if sqlstate in row and f"`{error}`" in row]


@pytest.mark.parametrize(("sqlstate", "error"), ERRORS)
def test_an_error_is_provoked_by_a_test(sqlstate: str, error: str) -> None:
    # support.api.refused() and what stands upon it name the SQLSTATE and the code together.
    pattern = re.compile(
        rf'"{sqlstate}",\s*"{error}"' + (r"|refused_argument\(" if sqlstate == "PT422" else "")
    )
    tests = [
        path
        for path in (ROOT / "tests").rglob("test_*.py")
        if path.parent.name not in ("catalog", "support")
    ]

    assert [path for path in tests if pattern.search(path.read_text(encoding="utf-8"))]


def test_a_file_names_at_its_top_what_it_raises() -> None:
    for sqlstate, error, source in raised():
        head = " ".join(
            line.removeprefix("--").strip()
            for line in source.sql.partition("\ncreate ")[0].splitlines()
        )
        assert "Errors:" in head, source
        assert f"{sqlstate} " in head or sqlstate + "," in head, source
        assert error in head, f"{source}: {error}"


def test_a_public_functions_comment_names_its_errors(conn: psycopg.Connection[Any]) -> None:
    known = {error for _, error in CONTRACT}
    refuse_nothing = {"verify_ledger", "check_alerts", "run_maintenance", "dashboard_stats"}
    for f in functions(conn):
        if f.schema != "credits":
            continue
        named = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", f.comment.partition("Errors:")[2]))
        assert named & known or f.name in refuse_nothing, f.signature
        file = next((ROOT / "procedures").rglob(f"{f.name}.sql")).read_text(encoding="utf-8")
        head = file.partition("\ncreate ")[0]
        at_top = set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", head.partition("Errors:")[2]))
        assert at_top & known == named & known, f.signature
