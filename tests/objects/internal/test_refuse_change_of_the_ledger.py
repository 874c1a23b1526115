"""The ledger is append-only, for its owner, too; redaction is the one change let through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from objects.internal.chain import broken_links
from support.api import call, new_user, refused
from support.books import Books, books, deduct, entries, grant, refused_without_trace, revoke

if TYPE_CHECKING:
    from uuid import UUID

CHANGES = {
    "a balance": "update credits.credit_transactions set balance_after = balance_after + 1",
    "a reason": "update credits.credit_transactions set reason = 'another'",
    "a reason, to none": "update credits.credit_transactions set reason = null",
    "nothing at all": "update credits.credit_transactions set reason = reason",
    "metadata": "update credits.credit_transactions set metadata = '{}'",
    "a redaction without its mark": (
        "update credits.credit_transactions set reason = null, metadata = '{}'"
    ),
    "the mark of a redaction only": ("update credits.credit_transactions set redacted_at = now()"),
    "a reason, called redacted": (
        "update credits.credit_transactions set reason = 'x', metadata = '{}', redacted_at = now()"
    ),
    "metadata, called redacted": (
        "update credits.credit_transactions"
        " set reason = null, metadata = '{\"a\": 1}', redacted_at = now()"
    ),
    "credits beside a redaction": (
        "update credits.credit_transactions"
        " set reason = null, metadata = '{}', redacted_at = now(), credits = credits * 2"
    ),
    "a hash beside a redaction": (
        "update credits.credit_transactions"
        " set reason = null, metadata = '{}', redacted_at = now(), entry_hash = '\\x00'"
    ),
    "the digest beside a redaction": (
        "update credits.credit_transactions"
        " set reason = null, metadata = '{}', redacted_at = now(), content_digest = '\\x00'"
    ),
    "the user beside a redaction": (
        "update credits.credit_transactions set reason = null, metadata = '{}',"
        " redacted_at = now(), user_id = gen_random_uuid()"
    ),
    "by deleting": "delete from credits.credit_transactions",
    "by emptying": "truncate credits.credit_transactions",
    "by emptying everything": (
        "truncate credits.credit_transactions, credits.user_credits, credits.credit_lots,"
        " credits.refund_totals, credits.revocations, credits.ledger_checks"
    ),
    "by upserting": (
        "insert into credits.credit_transactions select * from credits.credit_transactions"
        " on conflict (user_id, transaction_id) do update set credits = 1000"
    ),
    "by merging": (
        "merge into credits.credit_transactions as t using (select 1) as s on true"
        " when matched then delete"
    ),
}


@pytest.fixture
def user(conn: psycopg.Connection[Any]) -> UUID:
    user = new_user()
    grant(conn, user, 10, p_reason="a gift", p_metadata={"invoice": "A-1"})
    deduct(conn, user, 3, p_reason="an image", p_metadata={"prompt": "a cat"})
    return user


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_cannot_change_it(conn: psycopg.Connection[Any], user: UUID, change: str) -> None:
    # Whatever the session plays: replica is what restores and replication use.
    for role in ("origin", "replica", "local"):
        conn.execute(f"set session_replication_role = {role}")
        with refused_without_trace(conn, "23001", "append_only") as refusal:
            conn.execute(CHANGES[change])
        assert refusal.error is not None
        assert "refund_user_credits" in (refusal.error.diag.message_hint or "")


def test_a_redaction_is_let_through_once(conn: psycopg.Connection[Any], user: UUID) -> None:
    before = entries(conn, user)
    redaction = (
        "update credits.credit_transactions"
        " set reason = null, metadata = '{}', redacted_at = %s where reason = 'an image'"
    )

    conn.execute(redaction, (before[1].created_at,))

    gift, image = entries(conn, user)
    assert gift == before[0]
    assert image == before[1]._replace(reason=None, metadata={}, redacted_at=before[1].created_at)
    assert broken_links(conn, user) == []
    with refused_without_trace(conn, "23001", "append_only"):
        conn.execute("update credits.credit_transactions set redacted_at = now() where seq = 2")
    with refused_without_trace(conn, "23001", "append_only"):
        conn.execute("update credits.credit_transactions set redacted_at = null where seq = 2")


def test_redact_user_is_such_a_redaction(conn: psycopg.Connection[Any], user: UUID) -> None:
    bystander = new_user()
    grant(conn, bystander, 10, p_reason="a gift")
    others = entries(conn, bystander)
    revoke(conn, user, entries(conn, user)[0].transaction_id, 2, p_reason="fraud")
    before = books(conn, user)

    assert call(conn, "redact_user", user) == (3,)

    assert books(conn, user) == before
    assert before == Books(5, before.ledger, [("goodwill", 10, 5)])
    assert {(e.reason, str(e.metadata)) for e in entries(conn, user)} == {(None, "{}")}
    assert {e.redacted_at is None for e in entries(conn, user)} == {False}
    assert entries(conn, bystander) == others


def test_the_triggers_are_always_on(conn: psycopg.Connection[Any]) -> None:
    found = conn.execute(
        "select tgname, tgenabled, pg_get_triggerdef(oid) as definition from pg_trigger"
        " where tgrelid = 'credits.credit_transactions'::regclass and not tgisinternal"
        " order by tgname"
    ).fetchall()

    assert [(trigger.tgname, trigger.tgenabled) for trigger in found] == [
        ("refuse_change", "A"),
        ("refuse_truncate", "A"),
    ]
    assert "BEFORE DELETE OR UPDATE ON credits.credit_transactions FOR EACH ROW" in (
        found[0].definition
    )
    assert "BEFORE TRUNCATE ON credits.credit_transactions FOR EACH STATEMENT" in (
        found[1].definition
    )


@pytest.mark.parametrize("constraint", ["sign_fits_type", "refund_names_its_charge"])
def test_a_row_that_makes_no_sense_cannot_be_written(
    conn: psycopg.Connection[Any], user: UUID, constraint: str
) -> None:
    wrong = {
        "sign_fits_type": "'expiry', 5, null",
        "refund_names_its_charge": "'refund', 5, null",
    }[constraint]

    with (
        refused_without_trace(conn, "23514") as refusal,
    ):
        conn.execute(
            "insert into credits.credit_transactions (user_id, transaction_id, seq,"
            " transaction_type, credits, refund_of, balance_after, created_at, allocations,"
            " metadata, content_digest, entry_hash)"
            f" values (%s, gen_random_uuid(), 3, {wrong}, 12, now(), '[]', '{{}}', '', '')",
            (user,),
        )
    assert isinstance(refusal.error, psycopg.Error)
    assert refusal.error.diag.constraint_name == f"credit_transactions_{constraint}"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("update credits.user_credits set balance = -1", "user_credits_balance_not_negative"),
        (
            "update credits.credit_lots set remaining = granted + 1",
            "credit_lots_remaining_within_granted",
        ),
        ("update credits.credit_lots set remaining = -1", "credit_lots_remaining_within_granted"),
        (
            "insert into credits.refund_totals"
            " select user_id, transaction_id, 3, 4, transaction_id"
            " from credits.credit_transactions",
            "refund_totals_refunded_within_charged",
        ),
    ],
)
def test_constraints_hold_what_no_function_may_get_wrong(
    conn: psycopg.Connection[Any], user: UUID, statement: str, constraint: str
) -> None:
    with refused_without_trace(conn, "23514") as refusal:
        conn.execute(statement)
    assert isinstance(refusal.error, psycopg.Error)
    assert refusal.error.diag.constraint_name == constraint


def test_a_key_is_stored_once_also_past_the_functions(
    conn: psycopg.Connection[Any], user: UUID
) -> None:
    deduct(conn, user, 1, p_idempotency_key="job-1")

    with refused("23505"):
        conn.execute(
            sql.SQL(
                "insert into credits.credit_transactions"
                " select (json_populate_record(t, json_build_object('transaction_id',"
                " gen_random_uuid()))).* from credits.credit_transactions as t"
                " where t.idempotency_key = 'job-1'"
            )
        )
