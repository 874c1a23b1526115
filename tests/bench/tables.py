"""The database of one scenario: both sides deployed, filled, and proved afterwards."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from bench import bulk
from pgcredits.deploy import migrate
from pgcredits.errors import LedgerViolationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.setting import Setting

BASELINE = Path(__file__).with_name("baseline.sql")
MONEY = ("credits.user_credits", "credits.credit_lots", "credits.credit_transactions")
LIVES = (
    *MONEY,
    "credits.provider_tasks",
    "credits.generation_events",
    "credits.refund_totals",
    "credits.generations",
)
#: What each script writes to; the last one's rows are counted.
TABLES = {
    "baseline": ("baseline.balances", "baseline.ledger"),
    "deduct": MONEY,
    "success": LIVES,
    "failure": LIVES,
    "callback": LIVES,
}
CREDITS = 1_000_000_000

Connection = psycopg.Connection[Any]


@contextmanager
def database(server_dsn: str) -> Iterator[str]:
    """A database with both sides deployed; dropped at the end. Yields its connection string."""
    name = f"pgcredits_bench_{secrets.token_hex(4)}"
    with psycopg.connect(server_dsn, autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            dsn = make_conninfo(server_dsn, dbname=name)
            migrate(dsn, share_roles=True)
            with psycopg.connect(dsn, autocommit=True) as conn:
                conn.execute(BASELINE.read_bytes())
            yield dsn
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def add_users(conn: Connection, users: int) -> None:
    """Both sides' users, ours with two lots each: one bought, one given."""
    conn.execute(
        """
        insert into baseline.balances (user_id, balance)
        select md5(i::text)::uuid, %s
        from generate_series(1, %s::bigint) as i
        """,
        (2 * CREDITS, users),
    )
    for source, key in (("purchase", "'payment-' || i"), ("promo", "null")):
        conn.execute(
            f"""
            select count(*)
            from generate_series(1, %s::bigint) as i
            cross join lateral credits.grant_user_credits(
                md5(i::text)::uuid, %s, '{source}', p_idempotency_key => {key}
            )
            """,
            (users, CREDITS),
        )


def load_ledgers(dsn: str, setting: Setting, tell: Callable[[str], None]) -> None:
    """Fill both ledgers: ours as its function would, chain and all, for many users at once."""
    per_user = _for_each_user(dsn, setting, tell, bulk.add_deductions)
    with psycopg.connect(dsn) as conn:
        conn.execute(
            """
            insert into baseline.ledger (user_id, credits, balance_after)
            select b.user_id, -1, b.balance - step
            from generate_series(1, %s::bigint) as step
            cross join baseline.balances as b
            """,
            (per_user,),
        )
        conn.execute("update baseline.balances set balance = balance - %s", (per_user,))


def load_generations(dsn: str, setting: Setting, tell: Callable[[str], None]) -> None:
    """Generations that have succeeded, with their charges, tasks and events."""
    _for_each_user(dsn, setting, tell, bulk.add_generations)


def start_recent(conn: Connection, users: int) -> None:
    """One generation for each user whose task is under way: these are called back."""
    conn.execute(
        """
        select count(*)
        from generate_series(1, %s::bigint) as i
        cross join lateral credits.start_generation(md5(i::text)::uuid, 'bench', 'image', 1) as g
        cross join lateral credits.attach_provider_task(
            g.user_id, g.generation_id, 'recent-' || i
        )
        """,
        (users,),
    )


def _for_each_user(
    dsn: str,
    setting: Setting,
    tell: Callable[[str], None],
    add_row_for_each: Callable[[Connection, int, int], object],
) -> int:
    """Run a step often enough for all users, half of them in each of two sessions."""
    per_user = -(-setting.ledger_rows // setting.users)
    failures: list[Exception] = []

    def run(first: int, last: int) -> None:
        try:
            with psycopg.connect(dsn, autocommit=True) as conn:
                bulk.prepare(conn)
                for step in range(1, per_user + 1):
                    add_row_for_each(conn, first, last)
                    if step % 50 == 0 and first == 1:
                        tell(f"loading: {step} of {per_user} rows for each user")
        except psycopg.Error as error:
            failures.append(error)

    half = setting.users // 2
    threads = [Thread(target=run, args=a) for a in ((1, half), (half + 1, setting.users))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return per_user


def settle(dsn: str) -> None:
    """Vacuum and checkpoint, so that no side starts with the other's chores."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")
        conn.execute("checkpoint")


def count(conn: Connection, script: str) -> int:
    """How many rows the script's ledger, or generations, have."""
    row = conn.execute(f"select count(*) from {TABLES[script][-1]}").fetchone()
    assert row is not None
    return int(row[0])


def prove(conn: Connection, sample: int) -> int:
    """Verify the ledgers of so many users, those with the most rows among them.

    Raises:
        LedgerViolationError: One does not prove itself, so that the figures mean nothing.
    """
    users = conn.execute(
        """
        (select user_id from credits.user_credits order by last_seq desc limit 1)
        union
        (select user_id from credits.user_credits order by md5(user_id::text) limit %s)
        """,
        (sample,),
    ).fetchall()
    for (user,) in users:
        found = conn.execute("select * from credits.verify_ledger(%s)", (user,)).fetchone()
        if found:
            raise LedgerViolationError(f"the ledger does not verify after the runs: {found}")
    return len(users)
