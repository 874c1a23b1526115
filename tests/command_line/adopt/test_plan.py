from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from command_line.adopt import systems
from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.plan.amounts import require_whole
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.fitting import require_fit
from pgcredits.adopt.plan.reading import read_plan
from pgcredits.adopt.source.vocabulary import kind_of, status_of

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from support.databases import Database


def drafted(conn: psycopg.Connection[Any], shape: str, *, dirty: bool = False) -> str:
    systems.load(conn, shape, dirty=dirty)
    return draft(inspect(conn, ["public"]).discovery)


@pytest.mark.parametrize("shape", systems.NAMES)
def test_what_was_drafted_is_read_as_it_was_meant(
    conn: psycopg.Connection[Any], shape: str, tmp_path: Path
) -> None:
    text = drafted(conn, shape)
    (tmp_path / "plan.toml").write_text(text)

    plan = read_plan(tmp_path / "plan.toml")

    assert plan == inspect(conn, ["public"]).discovery.plan
    require_fit(conn, plan)
    require_whole(conn, plan)


def test_a_word_that_nobody_knows_is_left_to_a_person(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    text = drafted(conn, "typed_amounts", dirty=True)
    file = tmp_path / "plan.toml"
    file.write_text(text)

    assert "# TO DO: what does 'odd' mean in state of public.jobs?" in text
    with pytest.raises(PlanError, match="what state = 'odd' means") as refused:
        require_fit(conn, read_plan(file))
    assert refused.value.hint == 'Add it to statuses; "" is for null.'

    file.write_text(text.replace('# odd = "?"', 'odd = "cancelled"'))
    require_fit(conn, read_plan(file))


def test_it_says_what_may_be_changed(conn: psycopg.Connection[Any]) -> None:
    text = drafted(conn, "photo_platform")

    assert "Found: buckets on one row, with a log of what was used." in text
    assert 'negatives = "zero" # Buckets below 0.' in text
    assert 'expires = "next_reset" # never, next_reset, or the column with its time.' in text
    assert "# What the words mean: pending, processing, succeeded" in text


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("version = 1", "version = 2", "version is not 1"),
        ("version = 1", "version = ", "is not TOML"),
        (
            'negatives = "zero"', 'negatives = "none"',
            "Invalid enum value 'none' - at `$.negatives`",
        ),
        (
            "credits_per_unit = 1", "credits_per_unit = 0",
            "Expected `int` >= 1 - at `$.credits_per_unit`",
        ),
        (
            "credits_per_unit = 1", 'credits_per_unit = "1"',
            "Expected `int`, got `str` - at `$.credits_per_unit`",
        ),
        (
            "credits_per_unit = 1", "credits_per_unit = true",
            "Expected `int`, got `bool` - at `$.credits_per_unit`",
        ),
        (
            "stuck_after_days = 1", "stuck_after_day = 1",
            "Object contains unknown field `stuck_after_day`",
        ),
        (
            'key = "id"', "",
            "Object missing required field `key` - at `$.balances[0]`",
        ),
        (
            'key = "id"', 'key = "id"\nclosed = "table"',
            "Object contains unknown field `closed` - at `$.balances[0]`",
        ),
        (
            'column = "current_balance"', 'column = "current_balance"\npriority = 1.5',
            "Expected `int`, got `float` - at `$.balances[0].buckets[0].priority`",
        ),
        (
            'column = "current_balance"', 'column = "current_balance"\nunit_price_usd = "0.1"',
            "Expected `int | float | null`, got `str`"
            " - at `$.balances[0].buckets[0].unit_price_usd`",
        ),
        (
            'completed = "succeeded"', 'completed = "fine"',
            "Invalid enum value 'fine' - at `$.tasks[0].statuses[...]`",
        ),
        (
            'usage = "charge"', 'usage = "spent"',
            "Invalid enum value 'spent' - at `$.history[0].kinds[...]`",
        ),
        (
            'schemas = ["public"]', 'schemas = "public"',
            "Expected `array`, got `str` - at `$.schemas`",
        ),
        (
            'schemas = ["public"]', "schemas = [1]",
            "Expected `str`, got `int` - at `$.schemas[0]`",
        ),
        ("[[tasks]]", "[tasks]", "Expected `array`, got `object` - at `$.tasks`"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(
    conn: psycopg.Connection[Any], tmp_path: Path, before: str, after: str, says: str
) -> None:
    text = drafted(conn, "photo_platform")
    assert before in text
    file = tmp_path / "plan.toml"
    file.write_text(text.replace(before, after))

    with pytest.raises(PlanError, match=re.escape(says)) as refused:
        read_plan(file)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ('negatives = "zero"', 'negatives = "none"', "It is one of zero, stop."),
        (
            'completed = "succeeded"', 'completed = "fine"',
            "It is one of pending, processing, succeeded, failed, cancelled, timed_out.",
        ),
        ("[[tasks]]", "[tasks]", "Write [[tasks]] before each."),
        ('schemas = ["public"]', 'schemas = "public"', 'Write ["first", "second"].'),
    ],
)  # fmt: skip
def test_it_is_said_how_to_correct_it(
    conn: psycopg.Connection[Any], tmp_path: Path, before: str, after: str, hint: str
) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(drafted(conn, "photo_platform").replace(before, after))

    with pytest.raises(PlanError) as refused:
        read_plan(file)
    assert refused.value.hint == hint


def test_only_balances_can_be_closed_by_columns(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(
        'version = 1\nschemas = ["public"]\n[[refunds]]\ntable = "public.r"\nkey = "id"\n'
        'user = "user_id"\ntask = "task_id"\ncredits = "credits"\nclose = "columns"\n'
    )

    with pytest.raises(PlanError, match=r"'columns' - at `\$\.refunds\[0\]\.close`") as refused:
        read_plan(file)
    assert refused.value.hint == "It is table or nothing; balances may have columns, too."


def test_whole_dollars_of_a_plan_stay_whole(tmp_path: Path) -> None:
    """As 0.1.0 read them: the fingerprint tells 0 from 0.0."""
    (tmp_path / "plan.toml").write_text(
        'version = 1\nschemas = ["public"]\n[[balances]]\ntable = "public.t"\nkey = "id"\n'
        'user = "id"\n[[balances.buckets]]\ncolumn = "a"\nunit_price_usd = 0\n'
        '[[balances.buckets]]\ncolumn = "b"\nunit_price_usd = 0.5\n'
    )
    ((balances,)) = read_plan(tmp_path / "plan.toml").balances

    assert [repr(bucket.unit_price_usd) for bucket in balances.buckets] == ["0", "0.5"]


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file") as refused:
        read_plan(tmp_path / "nowhere.toml")
    assert refused.value.hint == "Write one: pgcredits adopt plan."


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('"public.user_credits"', '"public.nothing"', "no table public.nothing"),
        ('"public.user_credits"', '"nowhere.nothing"', "no schema nowhere"),
        ('reset = "last_reset_at"', 'reset = "resets"', "reset = 'resets' is not a column"),
        ('column = "current_balance"', 'column = "present"', "'present' is not a column"),
        ('credits = "credits_consumed"', 'credits = "price"', "credits = 'price' is not a column"),
        ('expires = "next_reset"', 'expires = "one_day"', "'one_day' is not a column"),
        ('column = "current_balance"', 'column = "last_reset_at"', "not a number, but timestamp"),
        ('credits = "credits_consumed"', 'credits = "user_id"', "is not a number, but uuid"),
        ('expires = "next_reset"', 'expires = "monthly_allowance"', "is not a time, but integer"),
        ('created = "created_at"', 'created = "prompt"', "is not a time, but text"),
        ('refunded_flag = "refunded"', 'refunded_flag = "status"', "is not boolean, but text"),
        ('reset = "last_reset_at"', "", "no column is named that says when the last one was"),
        (
            'column = "purchased_credits_balance"', 'column = "current_balance"',
            "bucket current_balance is listed twice",
        ),
        ('usage = "charge"', "", "what transaction_type = 'usage' means"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_database_is_named(
    conn: psycopg.Connection[Any], tmp_path: Path, before: str, after: str, says: str
) -> None:
    text = drafted(conn, "photo_platform")
    assert before in text
    file = tmp_path / "plan.toml"
    file.write_text(text.replace(before, after))

    with pytest.raises(PlanError, match=says):
        require_fit(conn, read_plan(file))


def test_a_key_that_does_not_tell_rows_apart(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    text = drafted(conn, "credit_debit").replace('key = "id"', 'key = "memo"')
    (tmp_path / "plan.toml").write_text(text)

    with pytest.raises(PlanError, match="does not tell its rows apart"):
        require_fit(conn, read_plan(tmp_path / "plan.toml"))


def test_without_pgcredits_there_is_nothing_to_move_to(
    blank_database: Database, tmp_path: Path
) -> None:
    with blank_database.connect() as conn:
        (tmp_path / "plan.toml").write_text(drafted(conn, "single_column"))

        with pytest.raises(AdoptionError, match="not installed") as refused:
            require_fit(conn, read_plan(tmp_path / "plan.toml"))
    assert refused.value.hint == "Run pgcredits migrate."


def test_as_many_credits_are_a_unit_as_amounts_have_decimals(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    systems.load(conn, "single_column", dirty=False)
    conn.execute("alter table public.profiles alter credits type numeric(12, 2)")
    assert inspect(conn, ["public"]).discovery.plan.credits_per_unit == 1
    conn.execute("update public.profiles set credits = 2.5 where id = %s", [systems.user(1)])
    text = draft(inspect(conn, ["public"]).discovery)
    file = tmp_path / "plan.toml"

    file.write_text(text)
    assert read_plan(file).credits_per_unit == 100
    require_whole(conn, read_plan(file))

    file.write_text(text.replace("credits_per_unit = 100", "credits_per_unit = 1"))
    with pytest.raises(PlanError, match=r"1 balances are not whole credits, for example 2\.5"):
        require_whole(conn, read_plan(file))


def test_balances_below_0_stop_it_if_they_should(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    text = drafted(conn, "single_column", dirty=True)
    file = tmp_path / "plan.toml"
    file.write_text(text.replace('negatives = "zero"', 'negatives = "stop"'))

    with pytest.raises(PlanError, match="1 balances are below 0"):
        require_whole(conn, read_plan(file))


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("refund", "refund"),
        ("Task Refund", "refund"),
        ("usage", "charge"),
        ("credit_purchase", "grant"),
        ("monthly-reset", "grant"),
        ("expired", "expiry"),
        ("??", "other"),
    ],
)
def test_what_words_of_a_history_mean(word: str, meaning: str) -> None:
    assert kind_of(word) == meaning


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("Completed", "succeeded"),
        ("in progress", "processing"),
        ("generation_failed", "failed"),
        ("CANCELED", "cancelled"),
        ("timed-out", "timed_out"),
        ("queued", "pending"),
        ("archived", "unknown"),
    ],
)
def test_what_words_of_a_status_mean(word: str, meaning: str) -> None:
    assert status_of(word) == meaning
