"""check_ledger goes on from a checkpoint: what is new is proved at once, the rest now and then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bench.verification import DEDUCTIONS
from objects.integrity.pieces import pieces, prove
from objects.integrity.tampering import History, live, tamper
from support.api import call, new_user, rows
from support.attempts import (
    attach,
    callback,
    cancel,
    complete,
    fail,
    refunds_broken,
    start,
)
from support.attempts import refund as refund_attempt
from support.books import NOON, deduct, grant, lot_of, refund, revoke
from support.clock import advance, set_clock
from support.races import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import psycopg

    from support.databases import Database, Template

DAY = timedelta(days=1)
MONTH = timedelta(days=30)


def check(conn: psycopg.Connection[Any]) -> set[str]:
    """What check_ledger finds, a day later."""
    advance(conn, DAY)
    return {violation.kind for violation in rows(conn, "check_ledger")}


def recorded(conn: psycopg.Connection[Any], user: UUID) -> Any:
    """The user's row of ledger_checks."""
    return conn.execute(
        "select c.verified_at, c.violations, c.full_at, c.found, (c.checkpoint).seq,"
        " (c.checkpoint).lots, (c.checkpoint).in_flight"
        " from credits.ledger_checks as c where c.user_id = %s",
        (user,),
    ).fetchone()


# --- what is new is proved at once ----------------------------------------------------------------


@dataclass(frozen=True)
class Victim:
    """A user with rows before and after a check; what is done to it is rolled back."""

    conn: psycopg.Connection[Any]
    history: History


@pytest.fixture(scope="module")
def checked_victim(template: Template) -> Iterator[Victim]:
    """Three rows before the check, then a deduction, refunds, a lot, and a revocation."""
    with template.clone() as database:
        conn = database.connect()
        set_clock(conn, NOON)
        user = new_user()
        kept = grant(conn, user, 40, p_priority=200)
        bought = grant(conn, user, 10, p_source="purchase", p_idempotency_key="pi_1")
        before = deduct(conn, user, 4)
        refund(conn, user, before, 1)
        assert check(conn) == set()
        refund(conn, user, before, 1)
        spent = deduct(conn, user, 3, p_reason="an image")
        partial = refund(conn, user, spent, 2)
        new = grant(conn, user, 7)
        revoke(conn, user, bought)
        last = deduct(conn, user, 5)
        ids = {
            "user": user,
            "kept_lot": lot_of(conn, user, kept).lot_id,
            "bought_lot": lot_of(conn, user, bought).lot_id,
            "new_lot": lot_of(conn, user, new).lot_id,
            "before": before.transaction_id,
            "spent": spent.transaction_id,
            "partial": partial.transaction_id,
            "last": last.transaction_id,
        }
        yield Victim(conn, History(user, ids))


@pytest.fixture
def victim(checked_victim: Victim) -> Iterator[Victim]:
    with checked_victim.conn.transaction(force_rollback=True):
        yield checked_victim


LEDGER = (
    "update credits.credit_transactions set {} where user_id = %(user)s and transaction_id = {}"
)
LOT = "update credits.credit_lots set {} where user_id = %(user)s and lot_id = {}"
# What is done after a check, and all that the next one finds.
NEW: dict[str, tuple[str, set[str]]] = {
    "a new row costs something else": (
        LEDGER.format("cost_usd = 1", "%(spent)s"),
        {"entry_hash"},
    ),
    "the reason of a new row is another": (
        LEDGER.format("reason = 'a video'", "%(spent)s"),
        {"content_digest"},
    ),
    "a new row is gone": (
        "delete from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(spent)s",
        {
            "seq",
            "balance_after",
            "entry_hash",
            "balance_sum_of_ledger",
            "lot_remaining",
            "refund_without_charge",
        },
    ),
    "the first new row was never there": (
        "delete from credits.credit_transactions where user_id = %(user)s and seq = 5",
        {
            "seq",
            "balance_after",
            "entry_hash",
            "balance_sum_of_ledger",
            "lot_remaining",
        },
    ),
    "the newest row is gone": (
        "delete from credits.credit_transactions"
        " where user_id = %(user)s and transaction_id = %(last)s",
        {
            "balance_after_last_entry",
            "balance_sum_of_ledger",
            "last_seq",
            "last_entry_at",
            "ledger_head",
            "lot_remaining",
        },
    ),
    "the last proved row says something else": (
        LEDGER.format(
            "entry_hash = sha256('')",
            "(select (c.checkpoint).transaction_id"
            " from credits.ledger_checks as c where c.user_id = %(user)s)",
        ),
        {"checkpoint"},
    ),
    "a balance is raised": (
        "update credits.user_credits set balance = balance + 1 where user_id = %(user)s",
        {"balance_after_last_entry", "balance_sum_of_ledger", "balance_sum_of_lots"},
    ),
    "a lot that did not move since holds less": (
        LOT.format("remaining = remaining - 1", "%(kept_lot)s"),
        {"lot_remaining", "balance_sum_of_lots"},
    ),
    "a lot that did not move since is emptied": (
        LOT.format("remaining = 0", "%(kept_lot)s"),
        {"lot_remaining", "balance_sum_of_lots"},
    ),
    "a lot that did not move since is gone": (
        "delete from credits.credit_lots where user_id = %(user)s and lot_id = %(kept_lot)s",
        {"lot_remaining", "lot_granted", "balance_sum_of_lots"},
    ),
    "a new lot was granted more": (
        LOT.format("granted = granted + 1", "%(new_lot)s"),
        {"lot_granted"},
    ),
    "a lot appears": (
        "insert into credits.credit_lots (user_id, lot_id, granted, remaining, created_at,"
        " grant_transaction_id, source)"
        " values (%(user)s, 'f0000000-0000-4000-8000-000000000000', 5, 5, now(),"
        " 'f0000000-0000-4000-8000-000000000000', 'goodwill')",
        {"lot_remaining", "lot_granted", "balance_sum_of_lots", "current_lot"},
    ),
    "more was refunded of an old deduction": (
        "update credits.refund_totals set refunded = refunded + 1"
        " where user_id = %(user)s and transaction_id = %(before)s",
        {"refund_total"},
    ),
    "less was refunded of a new deduction": (
        "update credits.refund_totals set refunded = refunded - 1"
        " where user_id = %(user)s and transaction_id = %(spent)s",
        {"refund_total"},
    ),
    "a lot owes more to its new revocation": (
        LOT.format("revoked_owed = revoked_owed + 1", "%(bought_lot)s"),
        {"revocation_owed"},
    ),
    "a revocation got more": (
        "update credits.revocations set recovered_credits = recovered_credits + 1,"
        " owed_credits = owed_credits - 1 where user_id = %(user)s",
        {"revocation_recovered", "revocation_owed"},
    ),
    "the checkpoint has another hash": (
        "update credits.ledger_checks set checkpoint.entry_hash = '' where user_id = %(user)s",
        {"checkpoint", "entry_hash"},
    ),
    "the checkpoint has another balance": (
        "update credits.ledger_checks set checkpoint.balance = 1 where user_id = %(user)s",
        {"checkpoint", "balance_after", "balance_sum_of_ledger"},
    ),
    "the checkpoint has other lots": (
        "update credits.ledger_checks set checkpoint.lots = '{}' where user_id = %(user)s",
        {"lot_remaining"},
    ),
    "the checkpoint names another row": (
        "update credits.ledger_checks set checkpoint.transaction_id = %(spent)s"
        " where user_id = %(user)s",
        {
            "checkpoint",
            "seq",
            "balance_after",
            "entry_hash",
            "balance_sum_of_ledger",
            "lot_remaining",
        },
    ),
}


def test_what_came_since_is_healthy(victim: Victim) -> None:
    before = recorded(victim.conn, victim.history.user)

    assert check(victim.conn) == set()

    after = recorded(victim.conn, victim.history.user)
    assert (before.seq, after.seq) == (4, 10)
    assert after.full_at == before.full_at


@pytest.mark.parametrize("what", NEW)
def test_what_is_done_after_a_check_is_found_by_the_next(victim: Victim, what: str) -> None:
    statement, kinds = NEW[what]

    tamper(victim.conn, victim.history, statement)

    assert check(victim.conn) == kinds
    assert recorded(victim.conn, victim.history.user).violations >= len(kinds)
    # The check after that proves everything, and finds what really is wrong.
    assert check(victim.conn) == {
        violation.kind for violation in rows(victim.conn, "verify_ledger", victim.history.user)
    }


def test_a_redaction_in_between_is_no_violation(victim: Victim) -> None:
    call(victim.conn, "redact_user", victim.history.user)

    assert check(victim.conn) == set()
    deduct(victim.conn, victim.history.user, 1)
    assert check(victim.conn) == set()


@pytest.mark.parametrize("change", ["cost_usd = 1", "reason = 'for her'", "seq = 77"])
def test_what_was_proved_is_proved_again_by_and_by(victim: Victim, change: str) -> None:
    conn = victim.conn
    tamper(conn, victim.history, LEDGER.format(change, "%(before)s"))

    assert check(conn) == set()
    conn.execute("update credits.settings set full_check_every = '10 days'")
    while advance(conn, DAY) < NOON + timedelta(days=11):
        assert rows(conn, "check_ledger") == []
    found = rows(conn, "check_ledger")

    assert found
    assert found == rows(conn, "verify_ledger", victim.history.user)


def test_violations_stay_until_a_whole_proof_finds_none(victim: Victim) -> None:
    conn, user = victim.conn, victim.history.user
    full_at = recorded(conn, user).full_at
    tamper(conn, victim.history, LEDGER.format("reason = 'a video'", "%(spent)s"))
    assert check(conn) == {"content_digest"}
    assert (recorded(conn, user).violations, recorded(conn, user).full_at) == (1, full_at)

    assert check(conn) == {"content_digest"}
    assert recorded(conn, user).full_at > full_at
    assert check(conn) == {"content_digest"}
    conn.execute("alter table credits.credit_transactions disable trigger all")
    tamper(conn, victim.history, LEDGER.format("reason = 'an image'", "%(spent)s"))
    assert recorded(conn, user).violations == 1
    assert check(conn) == set()
    assert recorded(conn, user).violations == 0


# --- whatever users do ----------------------------------------------------------------------------


def test_no_call_gives_a_violation_whenever_the_checks_come(conn: psycopg.Connection[Any]) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 1000)
    assert check(conn) == set()
    attempts = [start(conn, user=user) for _ in range(9)]
    for attempt in attempts[1:]:
        attach(conn, attempt, f"task {attempt.generation}")
    assert check(conn) == set()
    assert len(recorded(conn, user).in_flight) == 9

    complete(conn, attempts[1])
    assert check(conn) == set()
    complete(conn, attempts[2], 4)
    assert check(conn) == set()
    fail(conn, attempts[3])
    cancel(conn, attempts[4])
    assert check(conn) == set()
    callback(conn, f"task {attempts[5].generation}", "200")
    callback(conn, f"task {attempts[4].generation}", "500")
    assert check(conn) == set()
    with refunds_broken(conn):
        fail(conn, attempts[6])
        assert check(conn) == set()
    assert attempts[6].generation in recorded(conn, user).in_flight
    assert len(rows(conn, "retry_failed_refunds")) == 1
    assert check(conn) == set()
    refund_attempt(conn, attempts[1], 2)
    assert check(conn) == set()
    advance(conn, MONTH)
    assert len(rows(conn, "sweep_stuck_generations")) == 3
    assert check(conn) == set()
    assert recorded(conn, user).in_flight == []


def test_a_busy_ledger_is_never_called_violated(
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
            assert rows(conn, "check_ledger") == []
            seen.add(sum(recorded(conn, user).seq for user in users))
        stop.execute("drop table public.stop")
        assert traffic.result() > 0


@pytest.mark.tampers
def test_a_generation_in_flight_at_a_check_is_looked_at_again(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    user = new_user()
    grant(conn, user, 100)
    attempt = start(conn, user=user)
    assert check(conn) == set()
    complete(conn, attempt)
    conn.execute("update credits.generations set status = 'failed'")

    assert check(conn) == {"generation_settled"}


# --- one piece after the other --------------------------------------------------------------------


@pytest.mark.parametrize("ledger_rows", [1, 2, 5, 11, 12])
def test_a_proof_in_pieces_ends_where_one_in_one_go_does(
    conn: psycopg.Connection[Any], ledger_rows: int
) -> None:
    history = live(conn)

    made = pieces(conn, history.user, ledger_rows)

    assert [piece.kinds for piece in made] == [[]] * len(made)
    assert sum(piece.ledger_rows for piece in made) == 11
    assert max(piece.ledger_rows for piece in made) == min(ledger_rows, 11)
    assert made[-1].checkpoint == prove(conn, history.user, None).checkpoint


def pieces_of_three_rows(conn: psycopg.Connection[Any]) -> None:
    """Let check_ledger prove at most three rows of a user in a call."""
    source = conn.execute(
        "select pg_get_functiondef('credits.check_ledger'::regproc) as source"
    ).fetchone()
    assert source is not None
    small = source.source.replace("c_piece constant integer := 10000", "c_piece integer := 3")
    assert small != source.source
    conn.execute(small.encode())


def test_who_has_more_new_rows_than_a_piece_has_a_turn_in_each_call(
    conn: psycopg.Connection[Any],
) -> None:
    set_clock(conn, NOON)
    busy, *others = users = [new_user() for _ in range(4)]
    for user in users:
        grant(conn, user, 50)
    assert check(conn) == set()
    full_at = recorded(conn, busy).full_at
    pieces_of_three_rows(conn)
    for _ in range(7):
        deduct(conn, busy, 1)

    seen = []
    for _ in range(5):
        advance(conn, DAY)
        assert rows(conn, "check_ledger", 1) == []
        row = recorded(conn, busy)
        assert row.full_at == full_at
        seen.append((row.seq, row.found))

    # Of four users each has its turn; once it has begun, it goes on with the next call.
    first = seen.index((4, 0))
    assert seen[first : first + 2] == [(4, 0), (7, 0)]
    assert check(conn) == set()
    assert (recorded(conn, busy).seq, recorded(conn, busy).found) == (8, None)
    assert all(recorded(conn, user).verified_at > full_at for user in others)


@pytest.mark.tampers
def test_violations_of_an_early_piece_stay_while_the_proof_goes_on(
    conn: psycopg.Connection[Any],
) -> None:
    history = live(conn)
    pieces_of_three_rows(conn)
    tamper(
        conn,
        history,
        LEDGER.format("cost_usd = 1", "%(charge)s"),
    )

    seen = []
    for _ in range(4):
        advance(conn, DAY)
        kinds = [violation.kind for violation in rows(conn, "check_ledger")]
        row = recorded(conn, history.user)
        seen.append((kinds, row.violations, row.found, row.seq, row.full_at is not None))

    assert seen == [
        (["entry_hash"], 1, 1, 3, False),
        ([], 1, 1, 6, False),
        ([], 1, 1, 9, False),
        ([], 1, None, 11, True),
    ]
    # The others come besides: one proof that is under way has one turn in a call.
    others = [new_user() for _ in range(3)]
    for user in others:
        grant(conn, user, 5)
    rows(conn, "check_ledger")
    assert [recorded(conn, user).seq for user in (history.user, *others)] == [3, 1, 1, 1]
    advance(conn, DAY)
    rows(conn, "check_ledger", 1)
    assert recorded(conn, history.user).seq == 6


def test_a_user_of_many_rows_is_proved_over_several_calls(conn: psycopg.Connection[Any]) -> None:
    huge, other = new_user(), new_user()
    for user in (huge, other):
        grant(conn, user, 100_000)
    conn.execute(DEDUCTIONS, {"users": [str(huge)], "rows": 20_500})

    seen = []
    for _ in range(4):
        assert rows(conn, "check_ledger") == []
        deduct(conn, other, 1)
        row = recorded(conn, huge)
        seen.append((row.seq, row.full_at is not None, recorded(conn, other).seq))

    assert seen == [
        (10_000, False, 1),
        (20_000, False, 2),
        (20_501, True, 3),
        (20_501, True, 4),
    ]


# --- whose turn it is -----------------------------------------------------------------------------


def read(conn: psycopg.Connection[Any], statement: str, *tables: str) -> int:
    """How many rows of these tables a statement reads."""
    counters = " + ".join(
        f"pg_stat_get_xact_tuples_{kind}('credits.{table}'::regclass)"
        for table in tables
        for kind in ("returned", "fetched")
    )
    with conn.transaction():
        ((before,),) = conn.execute(f"select {counters}")
        conn.execute(statement.encode())
        ((after,),) = conn.execute(f"select {counters}")
    return int(after) - int(before)


def test_a_check_after_ten_more_rows_reads_no_more_than_these(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 10_000)
    spend = "select from generate_series(1, {}) as n, credits.deduct_user_credits('{}', 1 + 0 * n)"
    conn.execute(spend.format(2000, user).encode())
    tables = ("credit_transactions", "credit_lots", "user_credits", "ledger_checks")
    assert read(conn, "select from credits.check_ledger()", *tables) > 2000
    conn.execute(spend.format(10, user).encode())

    assert read(conn, "select from credits.check_ledger()", *tables) < 250
    assert recorded(conn, user).seq == 2011


def test_choosing_whom_to_check_reads_few_of_many_users(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "insert into credits.user_credits (user_id, created_at, updated_at)"
        " select gen_random_uuid(), now(), now() from generate_series(1, 25000)"
    )
    conn.execute("vacuum (analyze) credits.user_credits")
    known = "select count(*) from credits.ledger_checks"
    choose = "select from credits.check_ledger(1)"

    # New users are looked for among so many in a call, and from the start after the last.
    assert read(conn, choose, "user_credits") <= 10_000 + 100
    assert conn.execute(known).fetchone() == (10_000,)
    for _ in range(2):
        conn.execute(choose)
    assert conn.execute(known).fetchone() == (25_000,)
    conn.execute("vacuum (analyze) credits.ledger_checks")
    assert read(conn, choose, "user_credits") <= 10_000 + 100
    assert read(conn, "select from credits.check_ledger(1)", "ledger_checks") <= 20_000 + 100
    late = new_user()
    grant(conn, late, 5)
    for _ in range(3):
        conn.execute(choose)
    assert recorded(conn, late) is not None


def test_a_check_that_somebody_holds_locked_keeps_no_other_waiting(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    users = [new_user() for _ in range(2)]
    for user in users:
        grant(conn, user, 5)
    rows(conn, "check_ledger")
    for user in users:
        deduct(conn, user, 1)

    with Session(database) as holder, Session(database) as checker:
        holder.run("begin")
        holder.run("select from credits.ledger_checks where user_id = %s for update", (users[0],))
        holder.run("select from credits.sweep_positions for update")
        checker.start("select * from credits.check_ledger()")
        assert not checker.is_blocked()
        assert checker.result() == []

    assert [recorded(conn, user).seq for user in users] == [1, 2]


def test_it_ends_before_its_time_is_up_and_goes_on_the_next_time(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "select from generate_series(1, 1000) as n"
        " cross join lateral credits.grant_user_credits(gen_random_uuid(), 5 + 0 * n)"
    )
    verified = "select count(*) from credits.ledger_checks where verified_at is not null"

    conn.execute("set statement_timeout = '2s'")
    rows(conn, "check_ledger", 1000)
    ((first,),) = conn.execute(verified)
    rows(conn, "check_ledger", 1000)
    ((second,),) = conn.execute(verified)

    assert 0 < first < second <= 1000


def test_where_a_timeout_is_too_short_for_a_piece_the_pieces_are_smaller(
    conn: psycopg.Connection[Any],
) -> None:
    user = new_user()
    grant(conn, user, 4000)
    conn.execute(
        "select count(*) from generate_series(1, 4000) as i"
        " cross join lateral credits.deduct_user_credits("
        "%s, 1, p_metadata => jsonb_build_object('i', i))",
        (user,),
    )

    conn.execute("set statement_timeout = '200ms'")
    for _ in range(100):
        assert rows(conn, "check_ledger") == []
        ((is_proved,),) = conn.execute("select full_at is not null from credits.ledger_checks")
        if is_proved:
            break

    assert is_proved


@pytest.mark.parametrize("is_full", [False, True])
def test_a_history_that_was_written_anew_stays_a_violation(
    conn: psycopg.Connection[Any], is_full: bool
) -> None:
    user = new_user()
    grant(conn, user, 100)
    rows(conn, "check_ledger")
    for table in ("credit_transactions", "credit_lots", "user_credits"):
        conn.execute(
            f"alter table credits.{table} disable trigger all;"
            f" delete from credits.{table} where user_id = '{user}';"
            f" alter table credits.{table} enable trigger all".encode()
        )
    grant(conn, user, 1_000_000)
    if is_full:
        conn.execute("update credits.ledger_checks set full_at = full_at - interval '31 days'")

    assert "checkpoint" in {row.kind for row in rows(conn, "check_ledger")}
    for _ in range(3):
        assert rows(conn, "check_ledger") == []
        assert recorded(conn, user).violations == 1

    # The owner knows why.
    conn.execute("update credits.ledger_checks set rewritten_at = null")
    rows(conn, "check_ledger")
    assert recorded(conn, user).violations == 0
