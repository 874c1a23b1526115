from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from objects.integrity.pieces import kinds_in_pieces
from objects.integrity.tampering import History, kinds_in_the_source, live, tamper
from support.api import call, new_user, rows
from support.books import NOON, deduct, entries, grant, no_trace, refund
from support.clock import set_clock
from support.races import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from support.databases import Database, Template

# What is done to a healthy ledger, and all that verify_ledger finds wrong then.
TAMPERINGS: dict[str, tuple[str, set[str]]] = {
    # --- the user's row ---
    "a user's row is gone": (
        "delete from credits.user_credits where user_id = %(user)s",
        {"user_missing"},
    ),
    "a balance is raised": (
        "update credits.user_credits set balance = balance + 1 where user_id = %(user)s",
        {"balance_after_last_entry", "balance_sum_of_ledger", "balance_sum_of_lots"},
    ),
    "the count of rows is raised": (
        "update credits.user_credits set last_seq = last_seq + 1 where user_id = %(user)s",
        {"last_seq"},
    ),
    "the last entry's time is another": (
        "update credits.user_credits set last_entry_at = last_entry_at - interval '1 microsecond'"
        " where user_id = %(user)s",
        {"last_entry_at"},
    ),
    "the last entry's time is gone": (
        "update credits.user_credits set last_entry_at = null where user_id = %(user)s",
        {"last_entry_at"},
    ),
    "the head of the chain is another": (
        "update credits.user_credits set ledger_head = sha256('') where user_id = %(user)s",
        {"ledger_head"},
    ),
    "the next expiry is forgotten": (
        "update credits.user_credits set next_due_at = null where user_id = %(user)s",
        {"next_due_at"},
    ),
    "the next allowance is forgotten": (
        "update credits.user_credits set plan = 'plus' where user_id = %(user)s",
        {"next_allowance_at"},
    ),
    "the next expiry is another": (
        "update credits.user_credits set next_due_at = next_due_at + interval '1 day'"
        " where user_id = %(user)s",
        {"next_due_at"},
    ),
    "the lot in use is another": (
        "update credits.user_credits set current_lot_id = %(purchase_lot)s"
        " where user_id = %(user)s",
        {"current_lot"},
    ),
    "the lot in use seems to hold more": (
        "update credits.user_credits set current_lot_remaining = current_lot_remaining + 1"
        " where user_id = %(user)s",
        {"current_lot"},
    ),
    # --- the lots ---
    "a lot holds less": (
        "update credits.credit_lots set remaining = remaining - 1"
        " where user_id = %(user)s and lot_id = %(purchase_lot)s",
        {"lot_remaining", "balance_sum_of_lots"},
    ),
    "credits change lots": (
        "update credits.credit_lots"
        " set remaining = remaining + case when lot_id = %(purchase_lot)s then -1 else 1 end"
        " where user_id = %(user)s and lot_id in (%(purchase_lot)s, %(promo_lot)s)",
        # The promo's has expired, and burns first.
        {"lot_remaining", "next_due_at", "current_lot"},
    ),
    "a lot was granted more": (
        "update credits.credit_lots set granted = granted + 1"
        " where user_id = %(user)s and lot_id = %(last_lot)s",
        {"lot_granted"},
    ),
    "a lot hangs on another grant": (
        "update credits.credit_lots set grant_transaction_id = %(purchase)s"
        " where user_id = %(user)s and lot_id = %(last_lot)s",
        {"lot_granted"},
    ),
    "a refund's lot descends from nothing": (
        "update credits.credit_lots set origin_lot_id = null"
        " where user_id = %(user)s and lot_id = %(refund_lot)s",
        {"lot_origin"},
    ),
    "a lot descends from a lot that is not there": (
        "update credits.credit_lots set origin_lot_id = %(stranger)s"
        " where user_id = %(user)s and lot_id = %(refund_lot)s",
        {"lot_origin"},
    ),
    "a purchase descends from a promo": (
        "update credits.credit_lots set origin_lot_id = %(promo_lot)s"
        " where user_id = %(user)s and lot_id = %(purchase_lot)s",
        {"lot_origin"},
    ),
    "a rollover is not of an allowance": (
        "update credits.credit_lots set source = 'rollover'"
        " where user_id = %(user)s and lot_id = %(refund_lot)s",
        {"lot_origin"},
    ),
    "more rolls over than was granted": (
        "update credits.credit_lots"
        " set source = case lot_id when %(promo_lot)s then 'allowance' else 'rollover' end"
        "::credits.credit_source, granted = granted - (lot_id = %(promo_lot)s)::integer"
        " where user_id = %(user)s and lot_id in (%(promo_lot)s, %(refund_lot)s)",
        {"lot_granted", "lot_rolled_over"},
    ),
    "a lot appears": (
        "insert into credits.credit_lots (user_id, lot_id, granted, remaining, created_at,"
        " grant_transaction_id, source)"
        " select user_id, %(stranger)s, 5, 5, created_at, transaction_id, 'purchase'"
        " from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(purchase)s",
        {"lot_granted", "lot_remaining", "balance_sum_of_lots"},
    ),
    "a lot is gone": (
        "delete from credits.credit_lots where user_id = %(user)s and lot_id = %(expired_lot)s",
        {"lot_granted", "lot_remaining"},
    ),
    "a lot owes more to its revocation": (
        "update credits.credit_lots set revoked_owed = revoked_owed + 1"
        " where user_id = %(user)s and lot_id = %(promo_lot)s",
        {"revocation_owed"},
    ),
    "a lot that was never revoked owes": (
        "update credits.credit_lots set revoked_owed = 1"
        " where user_id = %(user)s and lot_id = %(purchase_lot)s",
        {"revocation_owed"},
    ),
    "a refund's lot owes": (
        "update credits.credit_lots set revoked_owed = 1"
        " where user_id = %(user)s and lot_id = %(refund_lot)s",
        {"revocation_owed"},
    ),
    # --- the ledger ---
    "the first row is gone": (
        "delete from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(purchase)s",
        {
            "seq",
            "balance_after",
            "entry_hash",
            "balance_sum_of_ledger",
            "lot_remaining",
            "lot_granted",
        },
    ),
    "a row in the middle is gone": (
        "delete from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(collected)s",
        {
            "seq",
            "balance_after",
            "entry_hash",
            "balance_sum_of_ledger",
            "lot_remaining",
            "revocation_recovered",
        },
    ),
    "the last row is gone": (
        "delete from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(last)s",
        {
            "balance_after_last_entry",
            "balance_sum_of_ledger",
            "last_seq",
            "last_entry_at",
            "ledger_head",
            "lot_remaining",
            "lot_granted",
        },
    ),
    "a row's number is another": (
        "update credits.credit_transactions set seq = 12"
        " where user_id = %(user)s and transaction_id = %(last)s",
        {"seq", "last_seq", "entry_hash"},
    ),
    "a balance in the ledger is another": (
        "update credits.credit_transactions set balance_after = balance_after + 1"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"balance_after", "entry_hash"},
    ),
    "a deduction took less": (
        "update credits.credit_transactions"
        " set credits = -24, allocations = jsonb_set(allocations, '{1,credits}', '-4')"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {
            "balance_after",
            "balance_sum_of_ledger",
            "lot_remaining",
            "refund_charge",
            "refund_cap",
            "entry_hash",
        },
    ),
    "a row was written after the next one": (
        "update credits.credit_transactions set created_at = created_at + interval '10 days'"
        " where user_id = %(user)s and transaction_id = %(partial)s",
        {"created_at", "transaction_id", "entry_hash"},
    ),
    "a row was written at another time": (
        "update credits.credit_transactions set created_at = created_at + interval '1 microsecond'"
        " where user_id = %(user)s and transaction_id = %(rest)s",
        {"transaction_id", "entry_hash", "created_at"},
    ),
    "a row's id is another": (
        "update credits.credit_transactions"
        " set transaction_id = credits_internal.uuid_v7(created_at - interval '1 microsecond')"
        " where user_id = %(user)s and transaction_id = %(partial)s",
        {"transaction_id", "entry_hash"},
    ),
    "a row says that it moved more than its lots": (
        "update credits.credit_transactions"
        " set allocations = jsonb_set(allocations, '{0,credits}', '-19')"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"allocations", "lot_remaining", "entry_hash"},
    ),
    "a row moved a lot that does not exist": (
        "update credits.credit_transactions"
        " set allocations = jsonb_set(allocations, '{0,lot_id}', to_jsonb(%(stranger)s::text))"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"lot_remaining", "lot_granted", "entry_hash"},
    ),
    "a row moved no lots": (
        "update credits.credit_transactions set allocations = '[]'"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"allocations", "lot_remaining", "entry_hash"},
    ),
    "a row's lots are no list": (
        "update credits.credit_transactions set allocations = '{\"credits\": -25}'"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"allocations", "lot_remaining", "entry_hash"},
    ),
    "a row's lots are nonsense": (
        "update credits.credit_transactions"
        ' set allocations = \'[null, 7, "x", {"lot_id": "y", "credits": "many"}]\''
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"allocations", "lot_remaining", "lot_granted", "entry_hash"},
    ),
    "a reason is rewritten": (
        "update credits.credit_transactions set reason = 'a video'"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"content_digest"},
    ),
    "a reason is invented": (
        "update credits.credit_transactions set reason = ''"
        " where user_id = %(user)s and transaction_id = %(second)s",
        {"content_digest"},
    ),
    "metadata are rewritten": (
        'update credits.credit_transactions set metadata = metadata || \'{"prompt": "a dog"}\''
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"content_digest"},
    ),
    "a reason is rewritten with its digest": (
        "update credits.credit_transactions set reason = 'a video',"
        " content_digest = credits_internal.content_digest('a video', metadata)"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"entry_hash"},
    ),
    "a digest is another": (
        "update credits.credit_transactions set content_digest = sha256('')"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"content_digest", "entry_hash"},
    ),
    "a reason is rewritten and called redacted": (
        "update credits.credit_transactions set reason = 'a video', redacted_at = created_at"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"content_digest"},
    ),
    "metadata are rewritten and called redacted": (
        "update credits.credit_transactions"
        ' set reason = null, metadata = \'{"prompt": "a dog"}\', redacted_at = created_at'
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"content_digest"},
    ),
    "a hash is another": (
        "update credits.credit_transactions set entry_hash = sha256(entry_hash)"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"entry_hash"},
    ),
    "the last hash is another, here and there": (
        "with other as ("
        " update credits.credit_transactions set entry_hash = sha256(entry_hash)"
        " where user_id = %(user)s and transaction_id = %(last)s returning entry_hash)"
        " update credits.user_credits set ledger_head = other.entry_hash from other"
        " where user_id = %(user)s",
        {"entry_hash"},
    ),
    # --- refunds ---
    "less was refunded": (
        "update credits.refund_totals set refunded = refunded - 1"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"refund_total"},
    ),
    "a charge was larger": (
        "update credits.refund_totals set charged = charged + 1"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"refund_charge"},
    ),
    "a total is gone": (
        "delete from credits.refund_totals"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"refund_total", "refund_charge"},
    ),
    "a total of no refund appears": (
        "insert into credits.refund_totals values (%(user)s, %(stranger)s, 5, 5, %(stranger)s)",
        {"refund_without_charge"},
    ),
    "the latest refund is another": (
        "update credits.refund_totals set last_refund_id = %(partial)s"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"refund_last"},
    ),
    "a refund names a grant": (
        "update credits.credit_transactions set refund_of = %(purchase)s"
        " where user_id = %(user)s and transaction_id = %(partial)s",
        {"refund_without_charge", "refund_total", "entry_hash"},
    ),
    "a refund names nothing that exists": (
        "update credits.credit_transactions set refund_of = %(stranger)s"
        " where user_id = %(user)s and transaction_id = %(partial)s",
        {"refund_without_charge", "refund_total", "entry_hash"},
    ),
    "a refund names another charge": (
        "update credits.credit_transactions set refund_of = %(second)s"
        " where user_id = %(user)s and transaction_id = %(rest)s",
        {"refund_total", "refund_cap", "refund_last", "entry_hash"},
    ),
    "a charge names a generation that does not exist": (
        "update credits.credit_transactions set generation_id = %(stranger)s"
        " where user_id = %(user)s and transaction_id = %(charge)s",
        {"generation_missing", "entry_hash"},
    ),
    # --- revocations ---
    "a revocation recovered more": (
        "update credits.revocations"
        " set recovered_credits = recovered_credits + 1, owed_credits = owed_credits - 1"
        " where user_id = %(user)s",
        {"revocation_recovered", "revocation_owed"},
    ),
    "a revocation is gone": (
        "delete from credits.revocations where user_id = %(user)s",
        {"revocation_recovered", "revocation_owed"},
    ),
    "a revocation appears": (
        "insert into credits.revocations (user_id, revocation_id, grant_transaction_id, lot_id,"
        " credits, recovered_credits, owed_credits, created_at)"
        " select user_id, %(stranger)s, grant_transaction_id, lot_id, 5, 0, 5, created_at"
        " from credits.credit_lots where user_id = %(user)s and lot_id = %(last_lot)s",
        {"revocation_owed"},
    ),
    "a revocation took another grant": (
        "update credits.credit_transactions set revocation_of = %(purchase)s"
        " where user_id = %(user)s and transaction_id = %(collected)s",
        {"revocation_recovered", "entry_hash"},
    ),
}

# Columns that nothing but the chain protects.
HASHED = {
    "requested_credits": "26",
    "source": "'goodwill'",
    "revocation_of": "%(promo)s",
    "cost_usd": "0.250001",
    "idempotency_key": "'job-2'",
}


def found(conn: psycopg.Connection[Any], user: Any = None) -> list[Any]:
    return rows(conn, "verify_ledger", user)


def assert_only(conn: psycopg.Connection[Any], history: History, kinds: set[str]) -> None:
    """These kinds are reported, of this user only, for all as for the one."""
    violations = found(conn)
    assert {violation.kind for violation in violations} == kinds
    assert {violation.user_id for violation in violations} == {history.user}
    assert all(violation.expected != violation.actual for violation in violations)
    assert all(violation.detail for violation in violations)
    assert found(conn, history.user) == violations


def test_a_healthy_ledger_has_no_violations(conn: psycopg.Connection[Any]) -> None:
    histories = [live(conn, days_before=days) for days in (40, 0)]
    frozen = new_user()
    call(conn, "freeze_user_credits", frozen, "never had a credit")

    with no_trace(conn):
        assert found(conn) == []
        for user in (*(history.user for history in histories), frozen, new_user()):
            assert found(conn, user) == []


@dataclass(frozen=True)
class Victim:
    """A user among others in a healthy ledger; what is done to it is rolled back."""

    conn: psycopg.Connection[Any]
    history: History


@pytest.fixture(scope="module")
def bystanders_and_victim(template: Template) -> Iterator[Victim]:
    with template.clone() as database:
        conn = database.connect()
        live(conn, days_before=80)
        victim = live(conn, days_before=40)
        live(conn)
        yield Victim(conn, victim)


@pytest.fixture
def victim(bystanders_and_victim: Victim) -> Iterator[Victim]:
    with bystanders_and_victim.conn.transaction(force_rollback=True):
        yield bystanders_and_victim


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_reported_of_the_right_user(victim: Victim, what: str) -> None:
    statement, kinds = TAMPERINGS[what]

    tamper(victim.conn, victim.history, statement)

    assert_only(victim.conn, victim.history, kinds)
    # In one piece, as check_ledger proves a ledger, the same is found; in several nothing less, but
    # that the sum of the ledger goes on from what the last row of the piece before says.
    user = victim.history.user
    assert kinds_in_pieces(victim.conn, user, 100) == kinds
    assert kinds_in_pieces(victim.conn, user, 3) >= kinds - {"balance_sum_of_ledger"}


@pytest.mark.parametrize("column", HASHED)
def test_what_only_the_chain_protects_shows_in_the_chain(victim: Victim, column: str) -> None:
    tamper(
        victim.conn,
        victim.history,
        f"update credits.credit_transactions set {column} = {HASHED[column]}"
        " where user_id = %(user)s and transaction_id = %(charge)s",
    )

    assert_only(victim.conn, victim.history, {"entry_hash"})
    # The row itself: those after it follow from the hash that is stored.
    (violation,) = found(victim.conn)
    assert violation.transaction_id == victim.history.ids["charge"]


def test_every_kind_of_violation_is_provoked_here() -> None:
    provoked = set().union(*(kinds for _, kinds in TAMPERINGS.values()), {"purchase_key"})

    # test_checkpoints.py provokes the one that is about checkpoints.
    assert provoked - {"generation_missing"} == kinds_in_the_source() - {"checkpoint"}


def test_a_forged_refund_shows_although_its_chain_is_perfect(victim: Victim) -> None:
    conn, history = victim.conn, victim.history

    # An owner who knows the internals: row, chain, lot and balance all agree.
    deduct(conn, history.user, 9)
    conn.execute(
        "update credits.credit_lots set remaining = remaining + 5"
        " where user_id = %(user)s and lot_id = %(purchase_lot)s",
        dict(history.ids),
    )
    conn.execute(
        "select credits_internal.write_entry(p_user => u, p_transaction_id =>"
        " credits_internal.uuid_v7(u.last_entry_at + interval '1 second'),"
        " p_at => u.last_entry_at + interval '1 second', p_transaction_type => 'refund',"
        " p_allocations => jsonb_build_array(credits_internal.allocation(%(purchase_lot)s, 5)),"
        " p_credits => 5, p_refund_of => %(charge)s)"
        " from credits.user_credits as u where u.user_id = %(user)s",
        dict(history.ids),
    )

    assert_only(conn, history, {"refund_total", "refund_cap", "refund_last"})
    by_kind = {violation.kind: violation for violation in found(conn)}
    assert by_kind["refund_total"].transaction_id == history.ids["charge"]
    assert (by_kind["refund_total"].expected, by_kind["refund_total"].actual) == ("30", "25")


@pytest.mark.tampers
def test_a_violation_says_what_was_expected_and_what_is_there(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    granted = grant(conn, user, 10)
    conn.execute("update credits.user_credits set balance = 11")

    violations = {violation.kind: violation for violation in found(conn)}

    assert {(v.expected, v.actual) for v in violations.values()} == {("10", "11")}
    assert {v.transaction_id for v in violations.values()} == {granted.transaction_id}
    assert {v.generation_id for v in violations.values()} == {None}


@pytest.mark.tampers
def test_one_payment_granted_to_two_users_shows_when_all_are_verified(
    conn: psycopg.Connection[Any],
) -> None:
    users = [new_user() for _ in range(3)]
    granted = [
        grant(conn, user, 10, p_source="purchase", p_idempotency_key=key)
        for user, key in zip(users, ["pi_1", "pi_1", "pi_2"], strict=True)
    ]

    violations = found(conn)

    assert {violation.kind for violation in violations} == {"purchase_key"}
    assert {(violation.user_id, violation.transaction_id) for violation in violations} == {
        (row.user_id, row.transaction_id) for row in granted[:2]
    }
    assert [found(conn, user) for user in users] == [[], [], []]


def test_one_key_of_two_users_is_fine_where_it_is_no_payment(
    conn: psycopg.Connection[Any],
) -> None:
    for source in ("goodwill", "promo", "import"):
        grant(conn, new_user(), 10, p_source=source, p_idempotency_key="welcome")

    assert found(conn) == []


def test_a_redacted_user_verifies(conn: psycopg.Connection[Any]) -> None:
    history = live(conn)
    assert call(conn, "redact_user", history.user) == (2,)

    assert found(conn) == []
    assert {entry.reason for entry in entries(conn, history.user)} == {None}


@pytest.mark.tampers
def test_what_is_done_to_a_redacted_row_still_shows(conn: psycopg.Connection[Any]) -> None:
    history = live(conn)
    call(conn, "redact_user", history.user)

    tamper(
        conn,
        history,
        "update credits.credit_transactions set cost_usd = 1"
        " where user_id = %(user)s and transaction_id = %(charge)s",
    )

    assert_only(conn, history, {"entry_hash"})


def test_it_sees_one_snapshot_however_busy_the_ledger_is(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = [new_user() for _ in range(4)]
    for user in users:
        grant(conn, user, 10**6)
    stop = database.connect()
    stop.execute("create table public.stop ()")

    def work(session: psycopg.Connection[Any]) -> int:
        moves = 0
        while session.execute("select to_regclass('public.stop') is not null").fetchone()[0]:  # type: ignore[index]
            user = users[moves % len(users)]
            charge = deduct(session, user, 3)
            refund(session, user, charge.transaction_id, 2)
            moves += 1
        return moves

    with Session(database) as traffic:
        traffic.start_work(work)
        seen: set[int] = set()
        while len(seen) < 20:
            assert found(conn) == []
            seen.add(sum(len(entries(conn, user)) for user in users))
        stop.execute("drop table public.stop")
        assert traffic.result() > 0


def test_the_time_zone_and_formats_of_a_session_do_not_matter(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    history = live(conn)
    odd = database.connect(
        options="-c timezone=Asia/Kathmandu -c datestyle=SQL,DMY -c intervalstyle=iso_8601"
        " -c bytea_output=escape -c extra_float_digits=-15"
    )

    assert found(odd) == []

    set_clock(conn, NOON + timedelta(days=50))
    charge = deduct(odd, history.user, 2, p_cost_usd=1, p_reason="from Kathmandu")
    refund(odd, history.user, charge.transaction_id, 1)
    assert found(conn) == []
