from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from objects.integrity.tampering import live, tamper
from objects.internal.chain import broken_links, rows
from support.api import call, new_user
from support.api import rows as call_rows
from support.books import NOON, deduct, grant, lots, refund, revoke, user_row
from support.clock import set_clock

if TYPE_CHECKING:
    import random
    from uuid import UUID

    import psycopg

    from support.databases import Database

# What JSON escapes, what it does not, and what lies beyond the first plane.
WORDS = [
    'say "hi"',
    "back\\slash / slash",
    "line\nfeed\r\ttab\b\f",
    "\x01\x1f\x7f",
    "Übergrößenträger",
    "ключ",
    "日本語のキー",
    "👩‍🚀🎈",
    "\u2028\u2029\ufeff\uffff",
    "  spaces ",
    "</script>&amp;'",
    "{}[],:null",
]


def everything_that_happens(conn: psycopg.Connection[Any], user: UUID) -> None:
    """All types of rows and all sources, with and without everything that may be null."""
    set_clock(conn, NOON)
    conn.execute("update credits.plans set rollover_max_credits = 20")
    call(conn, "set_user_plan", user, "plus")
    call_rows(conn, "apply_allowances")
    sources = ("purchase", "promo", "referral", "goodwill", "import", "adjustment")
    for source, word in zip(sources, WORDS, strict=False):
        grant(
            conn,
            user,
            7,
            p_source=source,
            p_expires_at=NOON + timedelta(days=9) if source == "promo" else None,
            p_reason=word,
            p_idempotency_key=f"{source} {word}",
            p_metadata={word: [word, 1.50, None, True, {"b": 1, "a": 2}]},
        )
    bought = grant(conn, user, 10**12, p_priority=-1).transaction_id
    for cost, word in zip(("0", "0.25", "999999999.999999", "0.0000014"), WORDS, strict=False):
        deduct(
            conn,
            user,
            3,
            p_cost_usd=Decimal(cost),
            p_reason=word,
            p_idempotency_key=word,
            p_metadata={"prompt": word},
        )
    charge = deduct(conn, user, 10**12).transaction_id
    for word in WORDS[4:]:
        deduct(conn, user, 1, p_reason=word, p_idempotency_key=word)
    refund(conn, user, charge, 5, p_reason=WORDS[7], p_idempotency_key="refund " + WORDS[6])
    revoke(conn, user, bought, 4, p_reason=WORDS[7], p_idempotency_key="revoke " + WORDS[6])
    revoke(conn, user, bought)
    refund(conn, user, charge)  # followed by a revocation
    set_clock(conn, NOON + timedelta(days=20))
    call_rows(conn, "expire_user_credits")


def test_a_stranger_can_recompute_the_chain(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    everything_that_happens(conn, user)

    assert broken_links(conn, user) == []

    found = rows(conn, user)
    assert user_row(conn, user).ledger_head == found[-1].entry_hash
    # All there is was there.
    enum = "select unnest(enum_range(null::{}))::text"
    types = conn.execute(enum.format("credits.transaction_type")).fetchall()
    sources = conn.execute(enum.format("credits.credit_source")).fetchall()
    assert {row.transaction_type for row in found} == {word for (word,) in types}
    # A refund makes lots of that source, never a row of it.
    assert {row.source for row in found} == {None, *(word for (word,) in sources)} - {"refund"}
    assert {lot.source for lot in lots(conn, user)} == {word for (word,) in sources} - {"refund"}
    for column in ("requested_credits", "cost_usd", "idempotency_key", "reason", "refund_of"):
        assert {getattr(row, column) is None for row in found} == {True, False}


def test_a_stranger_can_recompute_any_text(
    conn: psycopg.Connection[Any], rng: random.Random
) -> None:
    def text() -> str:
        planes = [range(1, 0x80), range(0x80, 0x800), range(0x800, 0xD800), range(0xE000, 0x20000)]
        return "".join(chr(rng.choice(rng.choice(planes))) for _ in range(rng.randint(1, 40)))

    user = new_user()
    grant(conn, user, 10**6)
    for _ in range(60):
        deduct(
            conn,
            user,
            rng.randint(1, 1000),
            p_cost_usd=Decimal(rng.randrange(10**15)) / 10**6,
            p_reason=text(),
            p_idempotency_key=text(),
            p_metadata={text(): text(), "n": rng.random()},
        )

    assert broken_links(conn, user) == []


def test_the_first_version_of_the_text_never_changes(conn: psycopg.Connection[Any]) -> None:
    # Ledgers are older than releases: this hash was computed once, from the documentation.
    row = conn.execute(
        "select credits_internal.entry_hash("
        "'\\x00ff', '11111111-1111-1111-1111-111111111111', "
        "'01c2ec44-9200-7000-8000-000000000001', 7, 'deduction', -25, null, 75, "
        '\'[{"lot_id": "01c2ec44-9200-7000-8000-000000000002", "credits": -25}]\', null, '
        "null, null, null, 0.25::numeric(18, 6), 'ключ\"1\"', '\\xabcd', "
        "'2031-05-16 12:00:00.000001+00') as hash"
    ).fetchone()
    text = (
        '["v1", "11111111-1111-1111-1111-111111111111",'
        ' "01c2ec44-9200-7000-8000-000000000001", 7, "deduction", -25, null, 75,'
        ' [{"lot_id": "01c2ec44-9200-7000-8000-000000000002", "credits": -25}], null,'
        ' null, null, null, 0.250000, "ключ\\"1\\"", "abcd", 1936699200000001]'
    )
    assert row is not None
    assert row.hash.hex() == "f878605ad69a32877d0ebe3da18444065b2533525c5fa3b7703b98ee5423cc65"
    assert row.hash == hashlib.sha256(b"\x00\xff" + text.encode()).digest()


@pytest.mark.parametrize("quick", [True, False], ids=["quick path", "locking path"])
def test_both_ways_of_a_deduction_write_the_same_kind_of_hash(
    conn: psycopg.Connection[Any], quick: bool
) -> None:
    user = new_user()
    grant(conn, user, 10)
    # All of a lot is more than the quick path takes.
    deduct(conn, user, 9 if quick else 10, p_cost_usd=Decimal("0.1"), p_idempotency_key="ключ")

    assert broken_links(conn, user) == []


def test_the_settings_of_a_session_are_not_in_the_hash(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    odd = database.connect(
        options="-c timezone=Asia/Kathmandu -c intervalstyle=iso_8601 -c bytea_output=escape"
        " -c extra_float_digits=-15 -c xmloption=document -c array_nulls=off"
        " -c quote_all_identifiers=on -c search_path=pg_temp"
    )
    user = new_user()
    granted = grant(odd, user, 100, p_reason="odd", p_metadata={"a": 0.1})
    charge = deduct(odd, user, 7, p_cost_usd=Decimal("0.1"), p_reason="odd").transaction_id
    refund(odd, user, charge, 2)
    revoke(odd, user, granted.transaction_id, 1)
    odd.execute("set datestyle = 'SQL, DMY'")
    deduct(odd, user, 7, p_cost_usd=Decimal("0.1"), p_reason="odd")

    assert len(rows(conn, user)) == 5
    assert broken_links(conn, user) == []


def test_redaction_leaves_the_chain_intact(conn: psycopg.Connection[Any]) -> None:
    user = new_user()
    everything_that_happens(conn, user)
    before = rows(conn, user)

    call(conn, "redact_user", user)

    assert broken_links(conn, user) == []
    after = rows(conn, user)
    assert [row.entry_hash for row in after] == [row.entry_hash for row in before]
    assert [row.content_digest for row in after] == [row.content_digest for row in before]
    assert {(row.reason, row.metadata_text) for row in after} == {(None, "{}")}


@pytest.mark.tampers
def test_the_stranger_finds_what_was_tampered_with(conn: psycopg.Connection[Any]) -> None:
    history = live(conn)

    tamper(
        conn,
        history,
        "update credits.credit_transactions set cost_usd = 0"
        " where user_id = %(user)s and transaction_id = %(charge)s",
    )
    assert broken_links(conn, history.user) == [3]

    tamper(
        conn,
        history,
        "update credits.credit_transactions set reason = 'nothing'"
        " where user_id = %(user)s and transaction_id = %(purchase)s",
    )
    assert broken_links(conn, history.user) == [1, 3]
