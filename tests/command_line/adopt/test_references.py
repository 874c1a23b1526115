"""What a row of a history belongs to, and what its words mean, by the names seen in the wild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from command_line.adopt import systems
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.plan.model import History, Plan
from pgcredits.adopt.plan.reading import read_plan
from pgcredits.adopt.source.vocabulary import kind_of
from support.api import rows

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from command_line.adopt.systems import Nobody
    from support.databases import Database

#: Two works that failed, of 5 and of 3; the second was refunded by its own row.
SYSTEM = """
create table wallets (user_id uuid primary key, balance int not null);
create table generations (
    id uuid primary key, user_id uuid not null, status text not null, credit_cost int not null,
    created_at timestamptz not null
);
create table credit_ledger (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, delta int not null,
    type text not null, {column} uuid {key}, payment_id text,
    created_at timestamptz not null default now()
);
insert into wallets values ('{user}', 12);
insert into generations values
('{first}', '{user}', 'failed', 5, now() - interval '9 days'),
('{second}', '{user}', 'failed', 3, now() - interval '8 days');
insert into credit_ledger (user_id, delta, type, {column}, payment_id, created_at) values
('{user}', 17, 'purchase', null, 'p1', now() - interval '10 days'),
('{user}', -5, 'usage', '{first}', null, now() - interval '9 days'),
('{user}', -3, 'usage', '{second}', null, now() - interval '8 days'),
('{user}', 3, 'refund', '{second}', null, now() - interval '8 days');
"""


def load(conn: psycopg.Connection[Any], column: str, key: str = "") -> None:
    conn.execute(
        SYSTEM.format(
            column=column,
            key=key,
            user=systems.user(1),
            first=systems.task(1),
            second=systems.task(2),
        ).encode()
    )


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("generation_id", ""),
        ("resource_id", ""),
        ("video_id", ""),
        ("order_id", ""),
        ("made_by", "references generations"),
    ],
)
def test_a_refund_that_names_its_work_names_something(
    conn: psycopg.Connection[Any], nobody: Nobody, tmp_path: Path, column: str, key: str
) -> None:
    load(conn, column, key)

    found = inspect(conn, ["public"])

    assert [one.number for one in found.faults] == ["L9"]
    assert [one.owed for one in found.owed] == [5]
    (tmp_path / "plan.toml").write_text(draft(found.discovery))
    plan = read_plan(tmp_path / "plan.toml")
    assert plan == found.discovery.plan
    run(conn, plan, nobody)
    (owed,) = rows(conn, "settle_owed_refunds")
    assert (owed.generation_id, owed.credits_owed) == (systems.task(1), 5)


def test_a_payment_that_came_twice_is_still_seen(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        load(conn, "generation_id")
        conn.execute(
            "insert into credit_ledger (user_id, delta, type, payment_id) values (%s, 17,"
            " 'purchase', 'p1')",
            [systems.user(1)],
        )

        found = inspect(conn, ["public"])

        assert found.discovery.plan.history[0].reference == ("generation_id", "payment_id")
        assert "payments that were granted twice" in [one.title for one in found.faults]


def test_a_foreign_key_to_the_tasks_comes_before_other_names(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        load(conn, "made_by", "references generations")
        conn.execute("alter table credit_ledger add request_id uuid")

        (history,) = inspect(conn, ["public"]).discovery.plan.history

        assert history.reference == ("made_by", "request_id", "payment_id")


def test_a_plan_of_0_1_0_names_one_column(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        'version = 1\nschemas = ["public"]\n[[history]]\ntable = "public.t"\nkey = "id"\n'
        'user = "user_id"\nreference = "task_id"\n'
    )

    assert read_plan(tmp_path / "plan.toml") == Plan(
        ("public",), history=(History("public.t", "id", "user_id", reference="task_id"),)
    )


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("granted", "grant"),
        ("signup_bonus", "grant"),
        ("pack_purchase", "grant"),
        ("deducted", "charge"),
        ("style_application", "charge"),
        ("admin_adjust", "other"),
    ],
)
def test_words_as_seen_in_the_wild(word: str, meaning: str) -> None:
    assert kind_of(word) == meaning


def test_the_balance_after_a_row_says_what_its_word_means(blank_database: Database) -> None:
    """Amounts without a sign, and words that nobody knows, or that mean the opposite."""
    with blank_database.connect() as conn:
        conn.execute(
            "create table wallets (user_id uuid primary key, balance int);"
            "create table credit_ledger (id bigint generated always as identity primary key,"
            " user_id uuid, amount int, balance_after int, type text,"
            " created_at timestamptz default clock_timestamp())"
        )
        for place, (word, amount, after) in enumerate(
            (("topup", 10, 10), ("zap", 3, 7), ("admin_adjust", 2, 9), ("generation", 4, 13))
        ):
            conn.execute(
                "insert into credit_ledger (user_id, amount, balance_after, type, created_at)"
                " values (%s, %s, %s, %s, now() + make_interval(secs => %s))",
                [systems.user(1), amount, after, word, place],
            )
        conn.execute("insert into wallets values (%s, 13)", [systems.user(1)])

        found = inspect(conn, ["public"])

        (history,) = found.discovery.plan.history
        assert history.kinds == {
            "topup": "grant",
            "zap": "charge",
            "admin_adjust": "grant",
            "generation": "grant",
        }
        assert found.discovery.unread == ()
        assert found.faults == ()
