from __future__ import annotations

from typing import TYPE_CHECKING, Any

from objects.views.small_histories import columns, live, shown
from support.api import new_user
from support.books import deduct, grant, refund

if TYPE_CHECKING:
    import psycopg


def test_all_accounts_sum_to_nothing(conn: psycopg.Connection[Any]) -> None:
    live(conn)

    accounts = dict(shown(conn, "trial_balance", "account"))

    assert accounts == {
        "expired": 40,
        # Ann's 100, 20 and 40, and Ben's 7.
        "issued": -167,
        "revoked": 5,
        # 30 less 10 refunded, and Ben's 2.
        "used": 22,
        # 95 and 5.
        "wallet": 100,
    }
    assert sum(accounts.values()) == 0


def test_the_wallets_hold_what_the_users_rows_say(conn: psycopg.Connection[Any]) -> None:
    live(conn)

    held = conn.execute("select sum(balance)::bigint as credits from credits.user_credits")

    assert held.fetchone() == (dict(shown(conn, "trial_balance", "account"))["wallet"],)


def test_sums_beyond_one_users_balance_do_not_overflow(conn: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        grant(conn, new_user(), 10**12)

    assert dict(shown(conn, "trial_balance", "account")) == {
        "issued": -3 * 10**12,
        "wallet": 3 * 10**12,
    }


def test_what_was_refunded_in_full_was_not_used(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    grant(conn, user, 10)
    refund(conn, user, deduct(conn, user, 4).transaction_id)

    assert dict(shown(conn, "trial_balance", "account")) == {
        "issued": -10,
        "used": 0,
        "wallet": 10,
    }


def test_its_columns_are_those_of_the_contract(conn: psycopg.Connection[Any]) -> None:
    assert columns(conn, "trial_balance") == {"account": "text", "credits": "bigint"}


def test_without_a_ledger_it_is_empty(conn: psycopg.Connection[Any]) -> None:
    assert shown(conn, "trial_balance", "account") == []
