"""Systems of strangers, of other kinds than ours: each is moved over with what its history says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from command_line.adopt.older import Conn, planned, refused_by
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from pgcredits.adopt.settle.paying import pay_owed
from support.api import call, rows, value

if TYPE_CHECKING:
    from command_line.adopt.systems import Nobody
    from pgcredits.adopt.plan.model import Plan

STRANGERS = Path(__file__).parent / "strangers"


def load(conn: Conn, name: str) -> None:
    conn.execute((STRANGERS / f"{name}.sql").read_bytes())


def held(conn: Conn) -> dict[str, int]:
    """What users have who have credits, by the id that the older system knows."""
    found = conn.execute(
        "select coalesce(x.external_id, u.user_id::text) as id, u.balance::bigint"
        " from credits.user_credits as u left join credits.external_users as x using (user_id)"
        " where u.balance <> 0"
    )
    return {row.id: row.balance for row in found}


def moved(conn: Conn, plan: Plan, nobody: Nobody, *, by_history: int | None) -> dict[str, int]:
    """What users have after the run, which proves it."""
    run(conn, plan, nobody)
    proof = prove(conn, plan)
    assert proof.differences == ()
    assert proof.by_history == by_history
    assert rows(conn, "verify_ledger") == []
    return held(conn)


def paid(conn: Conn, nobody: Nobody) -> list[int]:
    """What is paid to users to whom it was owed; nothing is owed any more."""
    users = pay_owed(conn, nobody, lambda _: None)
    assert pay_owed(conn, nobody, lambda _: None) == []
    assert rows(conn, "verify_ledger") == []
    return sorted(user.paid for user in users)


def questions(conn: Conn) -> list[str]:
    """What the plan asks, and what is not understood."""
    found = inspect(conn, ["public"]).discovery
    return [*found.plan.undecided, *(f"{table}: {why}" for table, why in found.not_understood)]


def answered(conn: Conn, question: str) -> None:
    """Do what a question proposes."""
    conn.execute(question[question.index("alter table") :].encode())


def test_a_count_of_what_was_used_is_asked_for_and_comes_over_as_what_is_left(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    load(conn, "counters")

    (question,) = questions(conn)
    assert '"included" - "used"' in question
    refused_by(conn, planned(conn, tmp_path), nobody)
    answered(conn, question)
    plan = planned(conn, tmp_path)

    assert moved(conn, plan, nobody, by_history=50 + 142 + 43) == {
        "cm1ada": 50, "cm2ben": 142, "cm3cy": 43,
    }  # fmt: skip
    lots = conn.execute(
        "select remaining::int, expires_at > now() as ends from credits.credit_lots"
        " where remaining > 0 order by remaining"
    ).fetchall()
    assert [tuple(lot) for lot in lots] == [(42, True), (43, True), (50, True), (100, None)]
    assert paid(conn, nobody) == [7]


def test_wallets_of_holders_of_one_kind_come_over(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    load(conn, "wallets")

    plan = planned(conn, tmp_path)

    assert plan.history[0].accounts == ("public.wallets", "id", "holder_id")
    assert moved(conn, plan, nobody, by_history=258) == {"1": 58, "2": 100, "3": 100}
    (copied,) = conn.execute(
        "select sum(h.credits)::int from credits.imported_history as h"
        " where h.user_id = credits.user_id('1')"
    ).fetchone() or (None,)
    assert copied == 58
    assert paid(conn, nobody) == [12]
    # The old name shows a new row with the number of the wallet, not of its holder.
    install(conn, plan, "legacy")
    call(conn, "grant_user_credits", value(conn, "user_id", "1"), 5)
    shown = conn.execute(
        "select wallet_id from legacy.transactions where amount = 5 and payable_id is null"
    ).fetchall()
    assert shown == [(3,)]
    assert conn.execute("select balance from legacy.wallets where holder_id = 1").fetchall() == [
        (58 + 12 + 5,)
    ]


def test_double_entry_is_read_by_the_accounts_owners(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    load(conn, "double_entry")

    plan = planned(conn, tmp_path)

    assert plan.credits_per_unit == 1_000_000
    assert list(moved(conn, plan, nobody, by_history=28_995_786).values()) == [
        24_995_785, 4_000_001,
    ]  # fmt: skip


def test_events_in_partitions_are_summed(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    load(conn, "events")

    plan = planned(conn, tmp_path)

    assert moved(conn, plan, nobody, by_history=None) == {"cus_Ada": 45, "cus_Ben": 41, "cus_Cy": 7}
    assert paid(conn, nobody) == [9]


def test_packs_are_asked_for_and_come_over_as_lots(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    load(conn, "packs")

    (question,) = [one for one in questions(conn) if "alter table" in one]
    assert '"credits_total" - "credits_used"' in question
    answered(conn, question)
    assert questions(conn) == []
    plan = planned(conn, tmp_path)

    assert list(moved(conn, plan, nobody, by_history=None).values()) == [190, 19]
    lots = conn.execute(
        "select remaining::int, expires_at is null as lasts from credits.credit_lots"
        " where remaining > 0 order by remaining"
    ).fetchall()
    assert [tuple(lot) for lot in lots] == [(5, False), (19, True), (185, True)]
    (log,) = plan.history
    assert log.accounts == ("public.credit_packs", "id", "user_id")
    assert paid(conn, nobody) == [11]


def test_a_log_of_sentences_is_read_by_its_signs(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    load(conn, "descriptions")

    plan = planned(conn, tmp_path)
    # Whoever signs up after the cut-over would be refused: that is the one question.
    with pytest.raises(PlanError, match="credits has the default 5"):
        run(conn, plan, nobody)
    conn.execute('alter table "User" alter "credits" set default 0')

    assert moved(conn, plan, nobody, by_history=109) == {"1": 102, "2": 2, "3": 5}
