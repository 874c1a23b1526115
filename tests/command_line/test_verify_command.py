"""``pgcredits verify``: the ledger proves itself, and its past is the one that was exported."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from pgcredits import verification
from pgcredits import verify as verify_module
from pgcredits.cli import verify as verify_command
from pgcredits.errors import ConnectionFailedError, RefusedError
from pgcredits.verify import HeadsFileError, ProgressFileError, verify
from support.api import call, new_user
from support.program import pgcredits
from support.state import everything

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.databases import Database

REWRITE = """
update credits.credit_transactions set {change} where user_id = %(user)s and seq = %(seq)s
"""
# What a forger would do: every hash anew, from the first row on, so that the chain is intact.
RECOMPUTE_CHAIN = """
do $$
declare
    r record;
    h bytea;
begin
    for r in select * from credits.credit_transactions order by user_id, seq loop
        h := credits_internal.entry_hash(
            case when r.seq = 1 then '' else h end, r.user_id, r.transaction_id, r.seq,
            r.transaction_type, r.credits, r.requested_credits, r.balance_after, r.allocations,
            r.source, r.refund_of, r.revocation_of, r.generation_id, r.cost_usd,
            r.idempotency_key,
            credits_internal.content_digest(r.reason, r.metadata), r.created_at
        );
        update credits.credit_transactions
        set entry_hash = h, content_digest = credits_internal.content_digest(reason, metadata)
        where user_id = r.user_id and transaction_id = r.transaction_id;
        update credits.user_credits set ledger_head = h where user_id = r.user_id;
    end loop;
end $$
"""


def run(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    return pgcredits("verify", *arguments, dsn=database.dsn, environment={"COLUMNS": "200"})


def run_json(database: Database, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run(database, "--format", "json", *arguments)
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


def shop(conn: psycopg.Connection[Any], users: int = 3) -> list[UUID]:
    """Users with four ledger rows each."""
    made = [new_user() for _ in range(users)]
    for user in made:
        call(conn, "grant_user_credits", user, 100, p_reason="start")
        charge = call(conn, "deduct_user_credits", user, 30, p_reason="image")
        call(conn, "refund_user_credits", user, charge.transaction_id)
        call(conn, "deduct_user_credits", user, 5)
    return sorted(made)


def tamper(conn: psycopg.Connection[Any], statement: str, **values: Any) -> None:
    """Write with the triggers disabled, as only an owner can."""
    conn.execute("alter table credits.credit_transactions disable trigger user")
    psycopg.ClientCursor(conn).execute(statement.encode(), values)
    conn.execute("alter table credits.credit_transactions enable always trigger refuse_change")
    conn.execute("alter table credits.credit_transactions enable always trigger refuse_truncate")


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    return tmp_path / "heads.csv"


# --- the ledger itself ----------------------------------------------------------------------------


def test_a_healthy_ledger_is_told_in_one_line_and_nothing_changes(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    shop(conn)
    before = everything(conn)
    done = run(database)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0 violations in 12 ledger rows of 3 users\n"
    assert everything(conn) == before


def test_an_empty_ledger_is_healthy(database: Database) -> None:
    assert run(database).stdout == "0 violations in 0 ledger rows of 0 users\n"


def test_scripts_get_json(database: Database, conn: psycopg.Connection[Any]) -> None:
    shop(conn, users=1)

    assert run_json(database) == (
        0,
        {
            "violations": 0,
            "ledger_rows": 4,
            "users": 1,
            "heads_checked": None,
            "heads_saved": None,
            "by_kind": {},
            "found": [],
            "complete": True,
        },
    )


@pytest.mark.tampers
def test_a_tampered_row_is_printed_and_the_exit_status_is_7(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    user, *_ = shop(conn)
    tamper(conn, REWRITE.format(change="reason = 'a gift'"), user=user, seq=2)
    done = run(database)

    assert done.returncode == 7
    assert "content_digest" in done.stdout
    narrow = pgcredits("verify", dsn=database.dsn, environment={"COLUMNS": "80"})
    assert str(user) in narrow.stdout
    assert done.stderr.startswith("error: 1 violation in 12 ledger rows of 3 users\nhint: ")
    status, answer = run_json(database)
    assert (status, answer["violations"], answer["by_kind"]) == (7, 1, {"content_digest": 1})
    (found,) = answer["found"]
    assert found["user_id"] == str(user)
    assert found["expected"] != found["actual"]


@pytest.mark.tampers
def test_one_user_can_be_verified_alone(database: Database, conn: psycopg.Connection[Any]) -> None:
    bad, good, _ = shop(conn)
    tamper(conn, REWRITE.format(change="metadata = '{\"a\": 1}'"), user=bad, seq=1)

    assert run(database, "--user", str(good)).stdout == (
        "0 violations in 4 ledger rows of 1 user\n"
    )
    assert run(database, "--user", str(bad)).returncode == 7
    assert run(database, "--user", str(new_user())).stdout == (
        "0 violations in 0 ledger rows of 0 users\n"
    )


@pytest.mark.tampers
def test_of_very_many_violations_all_are_counted_and_the_first_shown(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(conn, users=20)
    tamper(conn, "update credits.credit_transactions set reason = 'x'")
    done = run(database)

    assert done.returncode == 7
    assert "the first 50 of 80" in done.stdout
    assert done.stdout.count("reason and metadata are as written") == 50
    assert "80 content_digest" in done.stdout

    monkeypatch.setattr(verification, "KEPT_VIOLATIONS", 10)
    found = verify(database.dsn)
    assert (found.total, len(found.violations)) == (80, 10)


def test_an_operator_can_verify_without_reading_the_tables(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    shop(conn)
    operator = f"{database.dsn} options='-c role=credits_operator'"

    assert verify(operator).sentence() == "0 violations in 12 ledger rows of 3 users"
    for role in ("credits_app", "credits_analyst"):
        with pytest.raises(RefusedError, match="a right is missing") as refused:
            verify(f"{database.dsn} options='-c role={role}'")
        assert "credits_operator" in refused.value.hint


def test_a_time_limit_of_the_role_does_not_end_it(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    shop(conn, users=40)
    # Shorter than a verification takes, and longer than the statement that lifts the limit.
    hasty = f"{database.dsn} options='-c statement_timeout=20'"

    assert verify(hasty).total == 0


# --- exported heads -------------------------------------------------------------------------------


def test_heads_are_saved_as_csv_one_line_for_each_user(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    users = shop(conn)
    call(conn, "set_user_plan", new_user(), "plus")  # a user without a ledger has no head
    done = run(database, "--save-heads", str(heads))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"0 violations in 12 ledger rows of 3 users\n3 heads saved to {heads}\n")
    with heads.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["user_id"] for line in lines] == [str(user) for user in users]
    for line in lines:
        last = conn.execute(
            "select seq, encode(entry_hash, 'hex') from credits.credit_transactions"
            " where user_id = %s order by seq desc limit 1",
            [line["user_id"]],
        ).fetchone()
        assert last == (int(line["last_seq"]), line["ledger_head"])
        age = datetime.now(UTC) - datetime.fromisoformat(line["exported_at"])
        assert abs(age) < timedelta(minutes=10)
    assert list(heads.parent.iterdir()) == [heads]


def test_heads_stay_true_while_the_ledger_grows(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    user, *_ = shop(conn)
    assert run(database, "--save-heads", str(heads)).returncode == 0
    call(conn, "deduct_user_credits", user, 7)
    call(conn, "redact_user", user)
    shop(conn)
    done = run(database, "--heads", str(heads))

    assert done.returncode == 0
    assert done.stdout == ("0 violations in 25 ledger rows of 6 users and 3 exported heads\n")


def test_heads_can_be_checked_and_replaced_in_one_go(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    shop(conn)
    assert run(database, "--save-heads", str(heads)).returncode == 0
    shop(conn)
    status, answer = run_json(database, "--heads", str(heads), "--save-heads", str(heads))

    assert status == 0
    assert (answer["heads_checked"], answer["heads_saved"]) == (3, 6)
    assert len(heads.read_text().splitlines()) == 7


@pytest.mark.tampers
def test_a_history_rewritten_with_its_chain_shows_against_the_heads(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    forged, *_ = shop(conn)
    assert run(database, "--save-heads", str(heads)).returncode == 0
    exported = heads.read_text()
    tamper(
        conn,
        REWRITE.format(change="reason = 'for her birthday'") + ";" + RECOMPUTE_CHAIN,
        user=forged,
        seq=2,
    )

    # The ledger alone proves itself: that is why heads are kept elsewhere.
    assert run(database).returncode == 0
    status, answer = run_json(database, "--heads", str(heads))
    assert status == 7
    (found,) = answer["found"]
    assert (found["kind"], found["user_id"]) == ("head_changed", str(forged))
    assert found["expected"] in exported
    assert found["actual"] not in exported
    # Of a bad ledger no heads are saved, least of all over good ones.
    assert run(database, "--heads", str(heads), "--save-heads", str(heads)).returncode == 7
    assert heads.read_text() == exported
    assert list(heads.parent.iterdir()) == [heads]


@pytest.mark.tampers
def test_a_history_cut_off_or_a_user_taken_away_shows_against_the_heads(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    cut, gone, _ = shop(conn)
    assert run(database, "--save-heads", str(heads)).returncode == 0
    # The last deduction never happened, nor did the second user, in all tables.
    tamper(
        conn,
        "delete from credits.credit_transactions where user_id = %(cut)s and seq = 4;"
        "update credits.credit_lots set remaining = 100 where user_id = %(cut)s;"
        "update credits.user_credits as u set balance = 100, current_lot_remaining = 100,"
        " last_seq = 3, last_entry_at = t.created_at, ledger_head = t.entry_hash"
        " from credits.credit_transactions as t"
        " where u.user_id = %(cut)s and t.user_id = %(cut)s and t.seq = 3;"
        "delete from credits.credit_transactions where user_id = %(gone)s;"
        "delete from credits.refund_totals where user_id = %(gone)s;"
        "delete from credits.credit_lots where user_id = %(gone)s;"
        "delete from credits.user_credits where user_id = %(gone)s",
        cut=cut,
        gone=gone,
    )

    assert run(database).stdout == "0 violations in 7 ledger rows of 2 users\n"
    status, answer = run_json(database, "--heads", str(heads))
    assert status == 7
    assert {(found["kind"], found["user_id"]) for found in answer["found"]} == {
        ("head_missing", str(cut)),
        ("head_missing", str(gone)),
    }
    details = {found["user_id"]: found["detail"] for found in answer["found"]}
    assert "ends with row 3" in details[str(cut)]
    assert "is gone" in details[str(gone)]


@pytest.mark.tampers
def test_one_users_head_can_be_checked_alone(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    forged, other, _ = shop(conn)
    assert run(database, "--save-heads", str(heads)).returncode == 0
    tamper(
        conn,
        REWRITE.format(change="reason = null") + ";" + RECOMPUTE_CHAIN,
        user=forged,
        seq=1,
    )

    alone = run(database, "--heads", str(heads), "--user", str(other))
    assert alone.stdout == "0 violations in 4 ledger rows of 1 user and 1 exported head\n"
    assert run(database, "--heads", str(heads), "--user", str(forged)).returncode == 7


def test_many_heads_are_looked_up_batch_by_batch(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop(conn, users=11)
    verify(database.dsn, save_heads=heads)
    lines = heads.read_text().splitlines()
    assert len(lines) == 12
    first = lines[1].split(",")
    lines[1] = ",".join([first[0], "99", *first[2:]])
    lines[-1] = lines[-1].replace(lines[-1].split(",")[2], "0" * 64)
    heads.write_text("\n".join(lines))
    monkeypatch.setattr(verify_module, "BATCH", 3)
    found = verify(database.dsn, heads=heads)

    assert found.heads_checked == 11
    assert [v.kind for v in found.violations] == ["head_missing", "head_changed"]


def sell_more_while_verifying(conn: psycopg.Connection[Any]) -> Callable[[int, int], None]:
    """Rows are committed after each part, for a user whose id comes first, and for another."""
    user = UUID(int=1)

    def sell(ledger_rows: int, total_rows: int) -> None:
        call(conn, "grant_user_credits", user, 5)
        shop(conn, users=1)

    return sell


def test_the_ledger_is_verified_in_parts_each_in_a_snapshot_of_its_own(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(conn, users=9)
    monkeypatch.setattr(verify_module, "PART_ROWS", 10)
    parts = []
    ages = []

    def look(ledger_rows: int, total_rows: int) -> None:
        parts.append((ledger_rows, total_rows))
        ages.append(
            conn.execute(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and backend_xmin is not null"
                " and pid <> pg_backend_pid()"
            ).fetchone()
        )

    found = verify(database.dsn, on_part=look)

    assert (found.ledger_rows, found.users, found.total) == (36, 9, 0)
    # Two users have 8 rows together, a third would be too many.
    assert parts == [(8, 36), (16, 36), (24, 36), (32, 36), (36, 36)]
    assert ages == [(0,)] * 5


def test_a_user_of_many_rows_is_verified_in_pieces(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = shop(conn)
    for _ in range(23):
        call(conn, "deduct_user_credits", users[1], 1)
    monkeypatch.setattr(verify_module, "PART_ROWS", 10)
    parts = []

    found = verify(
        database.dsn, save_heads=heads, on_part=lambda done, total: parts.append((done, total))
    )

    assert (found.ledger_rows, found.users, found.heads_saved) == (35, 3, 3)
    assert parts == [(4, 35), (14, 35), (24, 35), (31, 35), (35, 35)]
    assert verify(database.dsn, heads=heads, user=users[1]).sentence() == (
        "0 violations in 27 ledger rows of 1 user and 1 exported head"
    )


@pytest.mark.tampers
def test_rows_of_users_who_are_gone_are_found_between_the_parts(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    users = shop(conn, users=7)
    for _ in range(20):
        call(conn, "deduct_user_credits", users[3], 1)
    conn.execute("alter table credits.user_credits disable trigger all")
    for user in (users[0], users[2], users[4], users[6]):
        conn.execute("delete from credits.user_credits where user_id = %s", (user,))
    monkeypatch.setattr(verify_module, "PART_ROWS", 4)

    found = verify(database.dsn)

    assert found.by_kind == {"user_missing": 4}
    assert found.ledger_rows == 48


def test_saved_heads_are_those_up_to_which_the_ledger_was_proved(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is sold while the verification goes on is exported only where it was verified."""
    users = shop(conn, users=5)
    for _ in range(9):
        call(conn, "deduct_user_credits", users[2], 1)
    monkeypatch.setattr(verify_module, "PART_ROWS", 5)

    found = verify(database.dsn, save_heads=heads, on_part=sell_more_while_verifying(conn))

    with heads.open(newline="") as file:
        saved = {line["user_id"]: int(line["last_seq"]) for line in csv.DictReader(file)}
    assert len(saved) == found.heads_saved == found.users
    assert sum(saved.values()) == found.ledger_rows
    assert str(UUID(int=1)) not in saved
    assert verify(database.dsn, heads=heads).total == 0


# --- going on after an end ------------------------------------------------------------------------


class KilledError(Exception):
    """As a kill would end it: nothing is tidied up."""


def killed_after(parts: int) -> Callable[[int, int], None]:
    """End the verification after so many parts."""
    seen: list[int] = []

    def kill(ledger_rows: int, total_rows: int) -> None:
        seen.append(ledger_rows)
        if len(seen) > parts:
            raise KilledError

    return kill


def test_a_verification_goes_on_where_another_was_broken_off(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    users = shop(conn, users=6)
    for _ in range(23):
        call(conn, "deduct_user_credits", users[3], 1)
    monkeypatch.setattr(verify_module, "PART_ROWS", 10)
    progress = tmp_path / "progress.json"
    whole: list[tuple[int, int]] = []
    verify(database.dsn, on_part=lambda done, total: whole.append((done, total)))

    # Each run is ended when it has verified one part more than it has kept.
    for _ in whole[1:]:
        with pytest.raises(KilledError):
            verify(database.dsn, save_heads=heads, resume=progress, on_part=killed_after(1))
        assert not heads.exists()
    resumed: list[tuple[int, int]] = []
    found = verify(
        database.dsn,
        save_heads=heads,
        resume=progress,
        on_part=lambda done, total: resumed.append((done, total)),
    )

    assert resumed == whole[-1:]
    assert (found.ledger_rows, found.users, found.heads_saved) == (47, 6, 6)
    assert list(tmp_path.iterdir()) == [heads]
    assert verify(database.dsn, heads=heads).heads_checked == 6


@pytest.mark.tampers
def test_what_was_found_before_is_kept_and_no_heads_are_saved(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, *_ = shop(conn, users=4)
    tamper(conn, REWRITE.format(change="reason = 'a gift'"), user=first, seq=2)
    monkeypatch.setattr(verify_module, "PART_ROWS", 5)
    progress = tmp_path / "progress.json"

    with pytest.raises(KilledError):
        verify(database.dsn, save_heads=heads, resume=progress, on_part=killed_after(2))
    found = verify(database.dsn, save_heads=heads, resume=progress)

    assert found.by_kind == {"content_digest": 1}
    assert [violation.user_id for violation in found.violations] == [first]
    assert (found.ledger_rows, found.heads_saved) == (16, None)
    assert list(tmp_path.iterdir()) == []


def test_the_program_killed_goes_on_too(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    tmp_path: Path,
) -> None:
    shop(conn, users=3)
    progress = tmp_path / "progress.json"
    killed = (
        "import os, signal, sys; from pathlib import Path; from pgcredits import verify;"
        "verify.PART_ROWS = 5;"
        "done = [];"
        "verify.verify(sys.argv[1], save_heads=Path(sys.argv[2]), resume=Path(sys.argv[3]),"
        " on_part=lambda *a: done.append(a) or len(done) < 3"
        " or os.kill(os.getpid(), signal.SIGKILL))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", killed, database.dsn, str(heads), str(progress)], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert json.loads(progress.read_text())["ledger_rows"] == 8

    done = run(database, "--save-heads", str(heads), "--resume", str(progress))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0 violations in 12 ledger rows of 3 users\n3 heads saved")
    assert len(heads.read_text().splitlines()) == 4
    assert not progress.exists()


def test_progress_of_another_verification_is_refused(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path, heads: Path
) -> None:
    user, *_ = shop(conn, users=2)
    progress = tmp_path / "progress.json"
    for _ in range(2):
        with pytest.raises(KilledError):
            verify(database.dsn, user=user, resume=progress, on_part=killed_after(0))
        assert not progress.exists()
    progress.write_text(
        json.dumps({"about": {"database": "1/2", "user": "all", "choice of saving heads": "False"}})
    )
    before = progress.read_text()

    for arguments in ((), ("--user", str(user)), ("--save-heads", str(heads))):
        done = run(database, "--resume", str(progress), *arguments)

        assert done.returncode == 19
        assert "of another verification: it has another" in done.stderr
        assert "database" in done.stderr
        assert "hint: " in done.stderr
        assert progress.read_text() == before


def test_progress_of_another_server_is_refused_though_its_databases_have_the_same_numbers(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(verify_module, "PART_ROWS", 8)
    shop(conn)
    progress = tmp_path / "progress.json"
    with pytest.raises(KilledError):
        verify(database.dsn, resume=progress, on_part=killed_after(1))
    row: Any = conn.execute("select system_identifier as here from pg_control_system()").fetchone()
    here = row.here
    told = progress.read_text()
    assert f'"{here}/' in told
    progress.write_text(told.replace(f'"{here}/', '"7/'))

    with pytest.raises(ProgressFileError, match="another database"):
        verify(database.dsn, resume=progress)


def test_of_two_at_once_the_second_is_refused_and_spoils_no_heads(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(verify_module, "PART_ROWS", 8)
    users = shop(conn)
    progress, mine, other = tmp_path / "progress.json", tmp_path / "mine", tmp_path / "other"

    def begin_another(*_: int) -> None:
        with pytest.raises(ProgressFileError, match="another verification is at work"):
            verify(database.dsn, save_heads=other, resume=progress)

    verify(database.dsn, save_heads=mine, resume=progress, on_part=begin_another)

    assert len(mine.read_text().splitlines()) == 1 + len(users)
    assert [one.name for one in tmp_path.iterdir()] == [mine.name]


def test_progress_takes_no_file_of_heads_away(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    shop(conn)
    kept, new = tmp_path / "ledger.heads", tmp_path / "new"
    assert run(database, "--save-heads", str(kept)).returncode == 0
    before = kept.read_text()

    for arguments in (
        ("--save-heads", str(kept), "--resume", str(tmp_path / "ledger")),
        ("--save-heads", str(new), "--resume", str(new)),
        ("--heads", str(kept), "--save-heads", str(new), "--resume", str(tmp_path / "ledger")),
    ):
        done = run(database, *arguments)

        assert done.returncode == 19
        assert "is a file of heads" in done.stderr
        assert kept.read_text() == before
        assert [one.name for one in tmp_path.iterdir()] == [kept.name]


@pytest.mark.parametrize("content", ["", "nonsense", "[]", '{"about": 5}', "{}"])
def test_a_file_that_is_none_of_progress_is_refused(
    database: Database, tmp_path: Path, content: str
) -> None:
    progress = tmp_path / "progress.json"
    progress.write_text(content)

    with pytest.raises(ProgressFileError, match="cannot be understood") as refused:
        verify(database.dsn, resume=progress)

    assert refused.value.hint
    assert progress.read_text() == content


def test_progress_that_cannot_be_kept_is_a_sentence_with_its_exit_status(
    database: Database, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    for path in (tmp_path / "missing" / "progress.json", tmp_path):
        done = run(database, "--resume", str(path))

        assert done.returncode == 19
        assert done.stderr.startswith(f"error: the progress cannot be kept in {path}: ")


def test_how_far_it_has_come_is_told_now_and_then(
    database: Database,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(verify_command, "SECONDS_BETWEEN_LINES", 0)

    with verify_command.Narrator() as narrator:
        narrator.step("verifying the ledger")
        narrator.part(1000, 2000)

    assert capsys.readouterr().err == "verified 1,000 of 2,000 ledger rows\n"


# --- what can go wrong ----------------------------------------------------------------------------

HEADER = "user_id,last_seq,ledger_head,exported_at\n"
GOOD = f"{'0' * 8}-0000-4000-8000-{'0' * 12},1,{'ab' * 32},2026-01-01T00:00:00+00:00\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", 0),
        ("user,seq,head\n", 1),
        (HEADER + "nonsense\n", 2),
        (HEADER + GOOD + GOOD.replace(",1,", ",0,"), 3),
        (HEADER + GOOD.replace(",1,", ",one,"), 2),
        (HEADER + GOOD.replace(",1,", f",{2**63},"), 2),
        (HEADER + GOOD.replace("ab", "xy"), 2),
        (HEADER + GOOD.replace("ab", "", 1), 2),
        (HEADER + GOOD.replace("4000", "400"), 2),
        (HEADER + GOOD.replace("2026-01", "soon"), 2),
        (HEADER + GOOD + GOOD[:70], 3),
        (HEADER + '"unclosed', 2),
        (HEADER + "\n", 2),
    ],
)
def test_a_file_that_is_none_of_heads_is_refused_with_the_line(
    content: str, line: int, database: Database, heads: Path
) -> None:
    heads.write_text(content)

    with pytest.raises(HeadsFileError, match=f"line {line} of .*heads.csv") as refused:
        verify(database.dsn, heads=heads)

    assert refused.value.hint


def test_a_file_that_is_not_text_is_refused(database: Database, heads: Path) -> None:
    heads.write_bytes(b"\xff\xfe\x00\x01" * 100)

    with pytest.raises(HeadsFileError, match="cannot be understood"):
        verify(database.dsn, heads=heads)


def test_a_file_that_cannot_be_read_is_a_sentence_with_its_exit_status(
    database: Database, tmp_path: Path
) -> None:
    for path in (tmp_path / "missing.csv", tmp_path):
        done = run(database, "--heads", str(path))

        assert done.returncode == 19
        assert done.stdout == ""
        assert done.stderr.startswith(f"error: the heads in {path} cannot be read: ")
        assert "hint: " in done.stderr


def test_a_file_that_cannot_be_written_is_found_out_before_anything_is_verified(
    database: Database, tmp_path: Path
) -> None:
    steps: list[str] = []
    for path in (tmp_path / "missing" / "heads.csv", tmp_path, Path("/dev/null")):
        with pytest.raises(HeadsFileError, match="cannot be written"):
            verify(database.dsn, save_heads=path, on_step=steps.append)

        done = run(database, "--save-heads", str(path))
        assert done.returncode == 19
        assert "hint: " in done.stderr
    assert steps == []
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_fails_leaves_the_old_heads(
    database: Database,
    conn: psycopg.Connection[Any],
    heads: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop(conn)
    heads.write_text("the old ones")

    def cut_the_connection(ledger_rows: int, total_rows: int) -> None:
        conn.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where datname = current_database() and application_name = 'pgcredits'"
        )

    monkeypatch.setattr(verify_module, "PART_ROWS", 5)
    with pytest.raises(ConnectionFailedError, match="the connection was lost"):
        verify(database.dsn, save_heads=heads, on_part=cut_the_connection)

    assert heads.read_text() == "the old ones"
    assert list(heads.parent.iterdir()) == [heads]


def test_saving_all_heads_needs_all_users_verified(database: Database, heads: Path) -> None:
    user = str(new_user())
    done = run(database, "--user", user, "--save-heads", str(heads))

    assert done.returncode == 2
    assert not heads.exists()
    with pytest.raises(ValueError, match="all"):
        verify(database.dsn, user=new_user(), save_heads=heads)


def test_heads_need_the_owner(
    database: Database, conn: psycopg.Connection[Any], heads: Path
) -> None:
    shop(conn)
    operator = f"{database.dsn} options='-c role=credits_operator'"

    with pytest.raises(RefusedError, match="user_credits") as refused:
        verify(operator, save_heads=heads)
    assert "as the owner" in refused.value.hint
    assert not heads.exists()

    verify(database.dsn, save_heads=heads)
    with pytest.raises(RefusedError, match="a right is missing"):
        verify(operator, heads=heads)


def test_a_database_without_pgcredits_is_told_so(blank_database: Database) -> None:
    done = run(blank_database)

    assert done.returncode == 4
    assert done.stdout == ""
    assert "not installed" in done.stderr
    assert "pgcredits migrate" in done.stderr


def test_a_server_that_is_not_there_is_told_so(database: Database) -> None:
    done = run(database, "--dsn", "host=/nonexistent dbname=app")

    assert done.returncode == 3
    assert "hint: " in done.stderr


def test_a_user_that_is_no_uuid_is_refused(database: Database) -> None:
    done = run(database, "--user", "ada")

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
