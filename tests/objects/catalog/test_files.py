"""One object per file, named after it, and all that is installed comes from a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from objects.catalog.objects import Source, code, functions, sources
from support.paths import ROOT

if TYPE_CHECKING:
    import psycopg

PROCEDURES, VIEWS = sources("procedures"), sources("views")


def ids(source: Source) -> str:
    return source.path.stem


def test_every_function_has_its_file(conn: psycopg.Connection[Any]) -> None:
    installed = {f"{f.schema}.{f.name}" for f in functions(conn)}

    assert installed == {source.name for source in PROCEDURES}


def test_every_view_has_its_file(conn: psycopg.Connection[Any]) -> None:
    installed = conn.execute(
        "select 'credits_monitoring.' || c.relname as name from pg_class as c"
        " where c.relnamespace = 'credits_monitoring'::regnamespace"
    ).fetchall()

    assert {row.name for row in installed} == {source.name for source in VIEWS}


def test_folders_are_those_of_the_layout() -> None:
    assert {source.path.parent.relative_to(ROOT).as_posix() for source in PROCEDURES + VIEWS} == {
        "procedures/ledger",
        "procedures/users",
        "procedures/generations",
        "procedures/alerts",
        "procedures/maintenance",
        "procedures/integrity",
        "procedures/internal/values",
        "procedures/internal/refusals",
        "procedures/internal/ledger",
        "procedures/internal/users",
        "procedures/internal/generations",
        "procedures/internal/alerts",
        "procedures/internal/alerts/conditions",
        "procedures/internal/integrity",
        "procedures/internal/adoption",
        "views/usage",
        "views/costs",
        "views/refunds",
        "views/health",
        "views/integrity",
    }


@pytest.mark.parametrize("source", PROCEDURES, ids=ids)
def test_a_file_defines_the_function_that_it_is_named_after(source: Source) -> None:
    sql = code(source.sql)

    made = re.findall(
        r"^create (?:or replace )?(function|view|table|type) ([\w.]+)", sql, re.MULTILINE
    )
    assert made == [("function", source.name)]
    comments = re.findall(r"^comment on function (\S+?)(?:\(.*\))? is$", sql, re.MULTILINE)
    assert comments == [source.name]
    grants = re.findall(
        r"^(?:grant|revoke) .* on function (\S+?)(?:\(.*\))? (?:to|from)", sql, re.MULTILINE
    )
    assert set(grants) == {source.name}


@pytest.mark.parametrize("source", PROCEDURES, ids=ids)
def test_a_function_states_how_it_is_to_be_called(source: Source) -> None:
    head = code(source.sql).partition(f"as ${source.path.stem}$\n")[0]

    stated = [line for line in head.splitlines() if not line.startswith(" ")]
    for words in (
        {"language sql", "language plpgsql"},
        {"immutable", "stable", "volatile"},
        {"parallel safe", "parallel restricted", "parallel unsafe"},
        {"security definer", "security invoker"},
    ):
        assert len(words & set(stated)) == 1, words
    assert f"\n${source.path.stem}$;" in source.sql


@pytest.mark.parametrize("source", VIEWS, ids=ids)
def test_a_file_defines_the_view_that_it_is_named_after(source: Source) -> None:
    sql = code(source.sql)

    assert re.findall(r"^create or replace view (\S+) as$", sql, re.MULTILINE) == [source.name]
    assert re.findall(r"^comment on view (\S+) is$", sql, re.MULTILINE) == [source.name]
    assert f"revoke all on {source.name} from public;" in sql
    assert f"grant select on {source.name} to credits_analyst;" in sql


@pytest.mark.parametrize(
    "source",
    [source for source in PROCEDURES if source.schema == "credits"] + VIEWS,
    ids=ids,
)
def test_every_public_procedure_and_every_view_has_its_test_file(source: Source) -> None:
    kind = source.path.relative_to(ROOT).parts[0]
    folder = "views" if kind == "views" else source.path.parent.name

    assert (ROOT / "tests" / "objects" / folder / f"test_{source.path.stem}.py").is_file()
