"""Two sessions, step by step: one waits for the other, and finds what the other has left.

Each outcome is that of the same two calls one after the other, or, where the first is rolled
back, that of the second alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stress.races.fire import (
    REPEATABLE_READ,
    SERIALIZABLE,
    balance,
    code_of,
    detail_of,
    grant_due,
    ledger,
    one_waits_for_the_other,
)
from support.api import call, new_user, rows
from support.races import Session

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from support.databases import Database
    from support.races import Outcome

    Work = Callable[[psycopg.Connection[Any]], Any]


def a_user(conn: psycopg.Connection[Any], *lots: int) -> uuid.UUID:
    """A user with lots that burn in the order given."""
    user = new_user()
    for priority, amount in enumerate(lots):
        call(conn, "grant_user_credits", user, amount, p_priority=priority)
    return user


def to(name: str, *args: Any, **named: Any) -> Work:
    """A call to be made by some session."""
    return lambda conn: call(conn, name, *args, **named)


def deduct(user: uuid.UUID, amount: int, key: str | None = None) -> Work:
    return to("deduct_user_credits", user, amount, p_idempotency_key=key)


def assert_refused(outcome: Outcome[Any], code: str, **figures: Any) -> None:
    assert outcome.error is not None, f"{code} was expected, but got {outcome.value}"
    assert code_of(outcome.error) == code
    detail = detail_of(outcome.error)
    assert {name: detail.get(name) for name in figures} == figures


# --- the same key ---------------------------------------------------------------------------------


@pytest.mark.parametrize("lots", [[100], [10], [4, 4, 4]], ids=["usual", "all", "several lots"])
def test_a_deduction_waits_for_one_with_its_key_and_repeats_its_answer(
    database: Database, conn: psycopg.Connection[Any], lots: list[int]
) -> None:
    user = a_user(conn, *lots)

    first, second = one_waits_for_the_other(database, deduct(user, 10, "k"), deduct(user, 10, "k"))

    assert second.get() == first._replace(replayed=True)
    assert ledger(conn, user).count(("deduction", -10)) == 1


def test_a_deduction_waits_for_one_with_its_key_that_is_rolled_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 100)

    first, second = one_waits_for_the_other(
        database, deduct(user, 10, "k"), deduct(user, 10, "k"), end="rollback"
    )

    assert second.get().transaction_id != first.transaction_id
    assert (second.get().balance, second.get().replayed) == (90, False)
    assert ledger(conn, user).count(("deduction", -10)) == 1


def test_a_deduction_waits_for_another_amount_under_its_key(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 100)

    _, second = one_waits_for_the_other(database, deduct(user, 10, "k"), deduct(user, 11, "k"))

    assert_refused(second, "idempotency_conflict", key="k", field="p_credits")
    assert balance(conn, user) == 90


def test_a_deduction_waits_for_a_revocation_with_its_key_that_recovers_nothing(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # The only key without a ledger row: it is found in revocations.
    user = a_user(conn, 5)
    granted = rows(conn, "get_user_transactions", user)[0].transaction_id
    call(conn, "deduct_user_credits", user, 5)
    call(conn, "grant_user_credits", user, 100)

    first, second = one_waits_for_the_other(
        database,
        to("revoke_user_credits", user, granted, p_idempotency_key="k"),
        deduct(user, 10, "k"),
    )

    assert first.credits == 0
    assert_refused(second, "idempotency_conflict", key="k", field="function")
    assert balance(conn, user) == 100


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_grant_waits_for_one_with_its_key(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = new_user()
    grant = to("grant_user_credits", user, 10, p_source="purchase", p_idempotency_key="payment")

    first, second = one_waits_for_the_other(database, grant, grant, end=end)

    assert second.get().replayed == (end == "commit")
    assert (second.get().transaction_id == first.transaction_id) == (end == "commit")
    assert ledger(conn, user) == [("grant", 10)]


# --- a deduction finds what another session has left ----------------------------------------------


@pytest.mark.parametrize(("drained", "left"), [(10, 15), (12, 13)])
def test_a_deduction_waits_for_the_one_that_drains_the_lot_in_use(
    database: Database, conn: psycopg.Connection[Any], drained: int, left: int
) -> None:
    user = a_user(conn, 10, 15)

    _, second = one_waits_for_the_other(database, deduct(user, drained), deduct(user, 6))

    assert second.get().balance == left - 6
    remaining = conn.execute(
        "select l.remaining from credits.credit_lots as l where l.user_id = %s order by l.priority",
        (user,),
    ).fetchall()
    assert remaining == [(0,), (left - 6,)]


def test_a_deduction_waits_for_the_one_that_leaves_too_little(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10, 15)

    _, second = one_waits_for_the_other(database, deduct(user, 20), deduct(user, 6))

    assert_refused(second, "insufficient_credits", balance=5, required=6)
    assert balance(conn, user) == 5


def test_a_deduction_waits_for_the_one_that_is_rolled_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10, 15)

    _, second = one_waits_for_the_other(database, deduct(user, 25), deduct(user, 6), end="rollback")

    assert second.get().balance == 19


@pytest.mark.parametrize("level", [REPEATABLE_READ, SERIALIZABLE])
def test_a_deduction_waits_for_another_under_an_old_snapshot(
    database: Database, conn: psycopg.Connection[Any], level: str
) -> None:
    user = a_user(conn, 10, 15)

    _, second = one_waits_for_the_other(database, deduct(user, 5), deduct(user, 6), level=level)

    assert_refused(second, "40001")
    assert balance(conn, user) == 20


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deduction_waits_for_a_freeze(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = a_user(conn, 10)

    _, second = one_waits_for_the_other(
        database, to("freeze_user_credits", user, "fraud"), deduct(user, 4), end=end
    )

    if end == "commit":
        assert_refused(second, "account_frozen", reason="fraud")
        assert balance(conn, user) == 10
    else:
        assert second.get().balance == 6


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deduction_waits_for_an_unfreeze(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = a_user(conn, 10)
    call(conn, "freeze_user_credits", user, "fraud")

    _, second = one_waits_for_the_other(
        database, to("unfreeze_user_credits", user), deduct(user, 4), end=end
    )

    if end == "commit":
        assert second.get().balance == 6
    else:
        assert_refused(second, "account_frozen", reason="fraud")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deduction_waits_for_a_grant(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = a_user(conn, 3)

    _, second = one_waits_for_the_other(
        database, to("grant_user_credits", user, 10), deduct(user, 5), end=end
    )

    if end == "commit":
        assert second.get().balance == 8
    else:
        assert_refused(second, "insufficient_credits", balance=3, required=5)


def test_a_deduction_waits_for_a_grant_that_burns_first(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 100)

    first, second = one_waits_for_the_other(
        database, to("grant_user_credits", user, 10, p_priority=-1), deduct(user, 5)
    )

    assert second.get().balance == 105
    burned = conn.execute(
        "select l.remaining from credits.credit_lots as l"
        " where l.user_id = %s and l.grant_transaction_id = %s",
        (user, first.transaction_id),
    ).fetchone()
    assert burned == (5,)


def test_a_deduction_does_not_wait_for_a_first_grant(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    # There is nothing to wait for yet: this user has no credits.
    user = new_user()
    with Session(database) as one, Session(database) as other:
        one.run("begin")
        call(one.conn, "grant_user_credits", user, 10)

        other.start_work(deduct(user, 5))
        assert not other.is_blocked()
        with pytest.raises(psycopg.Error) as refusal:
            other.result()

        assert code_of(refusal.value) == "insufficient_credits"
        one.run("commit")
        assert call(other.conn, "deduct_user_credits", user, 5).balance == 5


def test_a_deduction_waits_for_the_revocation_of_its_lot(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    granted = rows(conn, "get_user_transactions", user)[0].transaction_id

    _, second = one_waits_for_the_other(
        database, to("revoke_user_credits", user, granted), deduct(user, 4)
    )

    assert_refused(second, "insufficient_credits", balance=0, required=4)


def test_a_revocation_waits_for_a_deduction_and_is_owed_the_rest(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    granted = rows(conn, "get_user_transactions", user)[0].transaction_id

    charge, revoked = one_waits_for_the_other(
        database, deduct(user, 4), to("revoke_user_credits", user, granted)
    )

    assert (revoked.get().credits, revoked.get().balance) == (-6, 0)
    assert call(conn, "refund_user_credits", user, charge.transaction_id).balance == 0
    assert ledger(conn, user)[-2:] == [("refund", 4), ("revocation", -4)]


# --- refunds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "k"])
def test_a_refund_waits_for_a_refund_and_repeats_its_answer(
    database: Database, conn: psycopg.Connection[Any], key: str | None
) -> None:
    user = a_user(conn, 10)
    charge = call(conn, "deduct_user_credits", user, 8).transaction_id
    refund = to("refund_user_credits", user, charge, p_idempotency_key=key)

    first, second = one_waits_for_the_other(database, refund, refund)

    assert second.get() == first._replace(replayed=True)
    assert ledger(conn, user).count(("refund", 8)) == 1
    assert balance(conn, user) == 10


def test_a_refund_waits_for_a_refund_that_is_rolled_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    charge = call(conn, "deduct_user_credits", user, 8).transaction_id
    refund = to("refund_user_credits", user, charge)

    first, second = one_waits_for_the_other(database, refund, refund, end="rollback")

    assert not second.get().replayed
    assert second.get().transaction_id != first.transaction_id
    assert ledger(conn, user).count(("refund", 8)) == 1


def test_a_partial_refund_waits_for_one_that_leaves_too_little(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    charge = call(conn, "deduct_user_credits", user, 8).transaction_id
    refund = to("refund_user_credits", user, charge, 5)

    _, second = one_waits_for_the_other(database, refund, refund)

    assert_refused(second, "over_refund", charged=8, refunded=5, requested=5)
    assert balance(conn, user) == 7


def test_a_full_refund_waits_for_a_partial_one_and_pays_the_rest(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    charge = call(conn, "deduct_user_credits", user, 8).transaction_id

    _, second = one_waits_for_the_other(
        database,
        to("refund_user_credits", user, charge, 5),
        to("refund_user_credits", user, charge),
    )

    assert (second.get().credits_refunded, second.get().replayed) == (3, False)
    assert balance(conn, user) == 10


def test_a_refund_waits_for_a_revocation_which_gets_what_comes_back(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    granted = rows(conn, "get_user_transactions", user)[0].transaction_id
    charge = call(conn, "deduct_user_credits", user, 8).transaction_id

    revoked, refunded = one_waits_for_the_other(
        database,
        to("revoke_user_credits", user, granted),
        to("refund_user_credits", user, charge),
    )

    assert revoked.credits == -2
    assert (refunded.get().credits_refunded, refunded.get().balance) == (8, 0)
    assert ledger(conn, user)[2:] == [("revocation", -2), ("refund", 8), ("revocation", -8)]


# --- time -----------------------------------------------------------------------------------------


def test_a_sweep_leaves_the_user_to_the_deduction_that_writes_the_expiry(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = a_user(conn, 10)
    grant_due(conn, [user], 5)

    with Session(database) as traffic, Session(database) as sweep:
        traffic.run("begin")
        assert call(traffic.conn, "deduct_user_credits", user, 8).balance == 2

        sweep.start_work(lambda conn: rows(conn, "expire_user_credits"))
        assert not sweep.is_blocked()
        assert sweep.result() == []

        traffic.run("commit")
        assert rows(sweep.conn, "expire_user_credits") == []
    assert ledger(conn, user)[2:] == [("expiry", -5), ("deduction", -8)]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_deduction_waits_for_the_sweep_that_writes_the_expiry(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = a_user(conn, 10)
    grant_due(conn, [user], 5)

    swept, second = one_waits_for_the_other(
        database,
        lambda conn: rows(conn, "expire_user_credits"),
        deduct(user, 8),
        end=end,
    )

    assert [(row.user_id, row.credits) for row in swept] == [(user, -5)]
    assert second.get().balance == 2
    assert ledger(conn, user)[2:] == [("expiry", -5), ("deduction", -8)]


# --- plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_change_of_plan_waits_for_the_allowance(
    database: Database, conn: psycopg.Connection[Any], end: str
) -> None:
    user = new_user()
    call(conn, "set_user_plan", user, "plus")

    swept, second = one_waits_for_the_other(
        database,
        lambda conn: rows(conn, "apply_allowances"),
        to("set_user_plan", user, "pro"),
        end=end,
    )

    assert [row.credits for row in swept] == [50]
    assert second.get().plan == "pro"
    # Credits that were granted for the smaller plan count towards the larger one.
    rest = [row.credits for row in rows(conn, "apply_allowances")]
    assert rest == ([150] if end == "commit" else [200])
    assert balance(conn, user) == 200


def test_an_allowance_sweep_leaves_a_user_whose_plan_is_changing(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user = new_user()
    call(conn, "set_user_plan", user, "plus")

    with Session(database) as traffic, Session(database) as sweep:
        traffic.run("begin")
        call(traffic.conn, "set_user_plan", user, "pro")

        sweep.start_work(lambda conn: rows(conn, "apply_allowances"))
        assert not sweep.is_blocked()
        assert sweep.result() == []

        traffic.run("commit")
        assert [row.credits for row in rows(sweep.conn, "apply_allowances")] == [200]
