from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from command_line.adopt import systems
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.settle import paying
from pgcredits.adopt.settle.paying import pay_owed, show_owed
from pgcredits.adopt.settle.showing import as_csv
from support.api import call, rows

if TYPE_CHECKING:
    from command_line.adopt.systems import Nobody
    from support.databases import Database

Conn = psycopg.Connection[Any]

OWED = [(2, [2, 13], 20), (4, [4], 19), (6, [7], 7), (9, [9], 6)]


@pytest.fixture
def moved(conn: Conn, nobody: Nobody) -> Conn:
    systems.load(conn, "photo_platform", dirty=True)
    run(conn, inspect(conn, ["public"]).discovery.plan, nobody)
    return conn


def told(users: list[paying.User]) -> list[tuple[int, list[int], int]]:
    return [
        (user.user_id.int, sorted(one.int - 0xA000 for one in user.generations), user.owed)
        for user in users
    ]


def keep_nothing(users: list[paying.User]) -> None:
    """A `keep` that keeps nothing."""


def test_what_is_owed_is_shown_and_not_paid(moved: Conn) -> None:
    before = moved.execute("select sum(balance) as all from credits.user_credits").fetchone()

    users = show_owed(moved)

    assert told(users) == OWED
    assert {user.paid for user in users} == {0}
    assert (
        moved.execute("select sum(balance) as all from credits.user_credits").fetchone() == before
    )


def test_all_of_it_is_paid_once(
    moved: Conn, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying, "BATCH", 2)

    users = pay_owed(moved, nobody, keep_nothing)

    assert told(users) == OWED
    assert [user.paid for user in users] == [20, 19, 7, 6]
    assert call(moved, "get_user_credits", systems.user(2)).balance == 50
    assert pay_owed(moved, nobody, keep_nothing) == show_owed(moved) == []


def test_those_refunded_there_are_not_among_them(moved: Conn, nobody: Nobody) -> None:
    """L17."""
    pay_owed(moved, nobody, keep_nothing)

    for number, balance in ((3, 30), (5, 44), (10, 1), (11, 2)):
        assert call(moved, "get_user_credits", systems.user(number)).balance == balance


def test_what_cannot_be_paid_is_told_and_keeps_nobody_waiting(moved: Conn, nobody: Nobody) -> None:
    moved.execute(
        "alter table credits.refund_totals add constraint broken check (charged <> 19) not valid"
    )

    users = pay_owed(moved, nobody, keep_nothing)

    assert [(user.user_id.int, user.paid, len(user.errors)) for user in users] == [
        (2, 20, 0),
        (4, 0, 1),
        (6, 7, 0),
        (9, 6, 0),
    ]
    moved.execute("alter table credits.refund_totals drop constraint broken")
    assert [user.paid for user in pay_owed(moved, nobody, keep_nothing)] == [19]


def test_a_busy_user_is_left_to_the_next_time(
    moved: Conn, nobody: Nobody, database: Database
) -> None:
    with psycopg.connect(database.dsn) as holder:
        holder.execute(
            "select from credits.user_credits where user_id = %s for update", [systems.user(2)]
        )
        assert told(pay_owed(moved, nobody, keep_nothing)) == OWED[1:]
    assert told(pay_owed(moved, nobody, keep_nothing)) == OWED[:1]


def test_who_was_paid_is_kept_where_it_broke_off(
    moved: Conn, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying, "BATCH", 2)
    moved.execute(
        "create function public.die() returns trigger language plpgsql as $$ begin"
        " if (select count(*) from credits.credit_transactions where transaction_type = 'refund')"
        " >= 2 then perform pg_terminate_backend(pg_backend_pid()); end if;"
        " return new; end $$;"
        "create trigger die before insert on credits.credit_transactions"
        " for each row execute function public.die()"
    )
    kept: list[list[paying.User]] = []

    with pytest.raises(psycopg.OperationalError):
        pay_owed(moved, nobody, kept.append)

    ((paid, *others),) = kept
    assert others == []
    assert paid.paid > 0


def test_a_report_to_mail_from(moved: Conn, nobody: Nobody) -> None:
    text = as_csv(pay_owed(moved, nobody, keep_nothing))

    found = list(csv.DictReader(io.StringIO(text)))
    assert [(row["user_id"], row["credits_owed"], row["credits_paid"]) for row in found] == [
        (str(systems.user(user)), str(owed), str(owed)) for user, _, owed in OWED
    ]
    assert {row["error"] for row in found} == {""}
    assert set(found[0]["generations"].split()) == {
        str(systems.task(2)),
        str(systems.task(13)),
    }


def test_more_than_a_batch_is_shown(moved: Conn) -> None:
    assert len(rows(moved, "settle_owed_refunds", p_limit=2)) == 2
    assert sum(len(user.generations) for user in show_owed(moved)) == 5
