"""A view in the place of an old table: what applications write there moves credits."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import AdoptionError, PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.adopt.plan.model import Balances, Bucket, Plan
from support.api import call, new_user, refused, rows
from support.races import Session, at_once, errors, values

if TYPE_CHECKING:
    from command_line.adopt.systems import Nobody
    from support.databases import Database

Conn = psycopg.Connection[Any]
ANN, BOB = systems.user(1), systems.user(2)

WALLETS = f"""
create table public.wallets (
    user_id uuid primary key, balance int not null default 0, note text default 'new',
    seen int not null default 0
);
insert into public.wallets (user_id, balance) values ('{ANN}', 100), ('{BOB}', 0);
"""
MONTHLY = f"""
create table public.wallets (
    user_id uuid primary key, tier text default 'FREE', balance int not null default 0,
    bonus_credits int not null default 0, last_reset_at timestamptz not null default now()
);
comment on column public.wallets.balance is '{{}}';
insert into public.wallets (user_id, balance, bonus_credits)
values ('{ANN}', 100, 40), ('{BOB}', 0, 0);
"""
INCLUDING = MONTHLY.format("All credits, including the bonus.")
APART = MONTHLY.format("Monthly credits.")


def writable(conn: Conn, **settings: Any) -> Plan:
    """The plan of what is there, with views that may be written."""
    plan = inspect(conn, ["public"]).discovery.plan
    balances = tuple(replace(part, writable=True, tier="", tiers={}) for part in plan.balances)
    return replace(
        plan, **{"undecided": (), "compat_max_rise": 50, "balances": balances, **settings}
    )


def moved(conn: Conn, nobody: Nobody, system: str, **settings: Any) -> Plan:
    """Move a system over, and leave its views."""
    conn.execute(system.encode())
    plan = writable(conn, **settings)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    return plan


def wallet(conn: Conn, user: Any = ANN, columns: str = "balance") -> tuple[Any, ...]:
    (row,) = conn.execute(
        f"select {columns} from public.wallets where user_id = %s".encode(), [user]
    ).fetchall()
    return tuple(row)


def ledger(conn: Conn, user: Any = ANN) -> list[tuple[str, int]]:
    """What was written since the move: types and credits, the oldest first."""
    return [
        tuple(row)
        for row in conn.execute(
            "select transaction_type::text, credits from credits.credit_transactions"
            " where user_id = %s and coalesce(idempotency_key, '') not like 'legacy:%%'"
            " order by seq",
            [user],
        )
    ]


def alerts(conn: Conn) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in conn.execute(
            "select type, level::text, message from credits.system_alerts"
            " where resolved_at is null order by type"
        )
    ]


SPEND = "update public.wallets set balance = balance - 10 where user_id = %s and balance >= 10"


# --- charges, refunds, grants ---------------------------------------------------------------------


def test_what_is_written_is_a_charge_a_refund_or_a_grant(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)
    conn.execute("set application_name = 'web'")

    returned = conn.execute(
        "update public.wallets set balance = balance - 30, note = 'x', seen = seen + 1"
        " where user_id = %s and balance >= 30 returning balance, note, seen",
        [ANN],
    ).fetchall()
    assert [tuple(row) for row in returned] == [(70, "x", 1)]
    conn.execute("update public.wallets set balance = 60 where user_id = %s", [ANN])
    conn.execute("update public.wallets set balance = balance + 30 where user_id = %s", [ANN])
    assert [message[:2] for message in alerts(conn)] == [("legacy_write", "info")]
    # That charge has come back: what is added once more names nothing.
    conn.execute("update public.wallets set balance = balance + 30 where user_id = %s", [ANN])

    assert wallet(conn, columns="balance, note, seen") == (120, "x", 1)
    assert ledger(conn) == [("deduction", -30), ("deduction", -10), ("refund", 30), ("grant", 30)]
    assert call(conn, "get_user_credits", ANN).balance == 120
    (row,) = conn.execute(
        "select reason, source::text, metadata, idempotency_key is not null as is_keyed"
        " from credits.credit_transactions where user_id = %s order by seq desc limit 1",
        [ANN],
    ).fetchall()
    assert (row.reason, row.source, row.is_keyed) == (
        "written to public.wallets", "adjustment", True,
    )  # fmt: skip
    assert row.metadata["legacy_write"]["application"] == "web"
    assert alerts(conn)[0][:2] == ("legacy_rise", "warning")
    assert alerts(conn)[0][2].startswith("web (role ")


def test_nothing_is_minted(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)
    write = "update public.wallets set balance = {} where user_id = %s"

    for value in ("balance + 51", "null", "'999999999'", "2147483647"):
        with refused("PT422", "invalid_argument"):
            conn.execute(write.format(value).encode(), [ANN])
    for value in ("-1", "balance - 101"):
        with refused("PT402", "insufficient_credits"):
            conn.execute(write.format(value).encode(), [ANN])
    with refused("PT422", "invalid_argument"):
        conn.execute("update public.wallets set user_id = %s where user_id = %s", [new_user(), ANN])
    call(conn, "freeze_user_credits", ANN, "fraud")
    with refused("PT403", "account_frozen"):
        conn.execute(SPEND, [ANN])

    assert (wallet(conn), ledger(conn)) == ((100,), [])
    assert conn.execute("select from credits.legacy_writes").fetchall() == []


def test_a_guarded_update_of_nobody_and_of_many(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)

    assert conn.execute(SPEND, [BOB]).rowcount == 0
    assert conn.execute("update public.wallets set balance = balance + 20").rowcount == 2
    # One cannot pay: nobody does.
    with refused("PT402"):
        conn.execute("update public.wallets set balance = balance - 50")
    assert (wallet(conn), wallet(conn, BOB)) == ((120,), (20,))
    with conn.transaction():
        conn.execute(SPEND, [BOB])
        conn.execute("savepoint here")
        conn.execute(SPEND, [BOB])
        conn.execute("rollback to here")
        assert wallet(conn, BOB) == (10,)
    assert ledger(conn, BOB) == [("grant", 20), ("deduction", -10)]


# --- two at once ----------------------------------------------------------------------------------


def test_who_saw_a_balance_that_is_gone_is_told(
    database: Database, conn: Conn, nobody: Nobody
) -> None:
    """L1: both saw 100, and both write 90."""
    moved(conn, nobody, WALLETS)
    absolute = "update public.wallets set balance = 90 where user_id = %s"

    with Session(database) as a, Session(database) as b:
        for write, then in ((absolute, 90), (SPEND, 80)):
            a.run("begin")
            a.run(write, (ANN,))
            b.start(write, (ANN,))
            assert b.is_blocked(by=a)
            a.run("commit")
            with refused("40001", "balance_changed"):
                b.result()
            assert wallet(conn) == (then,)
        # Who dies in the middle has written nothing.
        a.run("begin")
        a.run(SPEND, (ANN,))
        b.run("select pg_terminate_backend(%s, 10000)", (a.pid,))
        assert wallet(conn) == (80,)
    with Session(database) as a, Session(database) as b:
        # A write of other columns does not overwrite what it has not seen, either.
        a.run("begin")
        a.run("update public.wallets set seen = seen + 1 where user_id = %s", (ANN,))
        b.start("update public.wallets set seen = seen + 1 where user_id = %s", (ANN,))
        assert b.is_blocked(by=a)
        a.run("commit")
        with refused("40001", "balance_changed"):
            b.result()

    assert ledger(conn) == [("deduction", -10), ("deduction", -10)]


def test_twenty_at_once_spend_what_there_is(database: Database, conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)

    def spend(session: Conn, _: int) -> int:
        while True:
            try:
                return session.execute(SPEND, [ANN]).rowcount
            except psycopg.errors.SerializationFailure:
                continue

    outcomes = at_once(database, 20, spend)

    assert errors(outcomes) == []
    assert sum(values(outcomes)) == 10
    assert (wallet(conn), ledger(conn)) == ((0,), [("deduction", -10)] * 10)


@pytest.mark.parametrize("system", [WALLETS, INCLUDING, APART], ids=["one", "including", "apart"])
def test_who_waits_by_for_update_sees_what_was_left(
    database: Database, conn: Conn, nobody: Nobody, system: str
) -> None:
    moved(conn, nobody, system)
    look = "select balance from public.wallets where user_id = %s for update"

    with Session(database) as a, Session(database) as b:
        a.run("begin")
        assert a.run(look, (ANN,)) == [(100,)]
        b.run("begin")
        b.start(look, (ANN,))
        assert b.is_blocked(by=a)
        a.run("update public.wallets set balance = 90 where user_id = %s", (ANN,))
        a.run("commit")
        if system == APART:
            # One of two columns cannot be told from the user's row alone.
            with refused("40001", "balance_changed"):
                b.result()
        else:
            assert b.result() == [(90,)]
            b.run("update public.wallets set balance = 80 where user_id = %s", (ANN,))
            b.run("commit")

    assert [moved for _, moved in ledger(conn)] == [-10] * (1 if system == APART else 2)


# --- columns --------------------------------------------------------------------------------------


def test_a_total_decides_and_a_part_alone_moves_its_own(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, INCLUDING)

    def write(settings: str) -> tuple[Any, ...]:
        conn.execute(f"update public.wallets set {settings} where user_id = %s".encode(), [ANN])
        return wallet(conn, columns="balance, bonus_credits")

    # 60 of the month, and 40 that stay.
    assert write("balance = balance - 10") == (90, 40)
    # A purchase adds to both, and comes once.
    assert write("balance = balance + 25, bonus_credits = bonus_credits + 25") == (115, 65)
    assert write("bonus_credits = bonus_credits - 5") == (110, 60)
    assert write("balance = balance - 7, bonus_credits = bonus_credits - 7") == (103, 53)
    # The total alone was lowered, by more than the month has left.
    assert write("balance = balance - 60") == (43, 43)
    with refused("PT402"):
        write("bonus_credits = bonus_credits - 44")
    assert ledger(conn)[1] == ("grant", 25)


def test_columns_that_add_up_move_each_its_own(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, APART)

    def write(settings: str) -> tuple[Any, ...]:
        conn.execute(f"update public.wallets set {settings} where user_id = %s".encode(), [ANN])
        return wallet(conn, columns="balance, bonus_credits")

    assert write("balance = balance - 30") == (70, 40)
    assert write("bonus_credits = bonus_credits - 20") == (70, 20)
    assert write("balance = balance - 5, bonus_credits = 30") == (65, 30)
    # A refund returns to the lots that paid, whichever column it is written to (L5).
    assert write("balance = balance + 30") == (95, 30)
    assert write("balance = balance + 20") == (95, 50)
    with refused("PT402"):
        write("bonus_credits = -1")
    (expiring,) = conn.execute(
        "select count(*) from credits.credit_lots where user_id = %s and expires_at is not null",
        [ANN],
    ).fetchall()
    assert expiring == (1,)


def test_other_columns_are_as_the_table_has_them(conn: Conn, nobody: Nobody) -> None:
    """Defaults, identities, generated columns, triggers and json work as before."""
    moved(
        conn, nobody,
        """
        create table public.wallets (
            id bigint generated always as identity primary key, user_id uuid unique not null,
            balance numeric(10, 2) default 5, doc json, changes int default 0,
            doubled int generated always as (changes * 2) stored
        );
        create function touch() returns trigger language plpgsql as
            $$ begin new.changes := new.changes + 1; return new; end $$;
        create trigger touch before update on public.wallets
            for each row execute function touch();
        """
        f"insert into public.wallets (user_id, balance) values ('{ANN}', 1.5), ('{BOB}', 1)",
        credits_per_unit=100, compat_max_rise=500,
    )  # fmt: skip
    newcomer = new_user()

    (row,) = conn.execute(
        """insert into public.wallets (user_id, doc) values (%s, '{"a": 1}') returning *""",
        [newcomer],
    ).fetchall()
    assert (row.id, row.balance, row.changes, row.doubled) == (3, Decimal(5), 0, 0)
    (row,) = conn.execute(
        "update public.wallets set balance = balance - 2.25 where user_id = %s returning *",
        [newcomer],
    ).fetchall()
    assert (row.balance, row.doc, row.changes, row.doubled) == (Decimal("2.75"), {"a": 1}, 1, 2)
    with refused("PT422"):
        conn.execute("update public.wallets set balance = 0.001 where user_id = %s", [newcomer])
    assert call(conn, "get_user_credits", newcomer).balance == 275


# --- new and gone users ---------------------------------------------------------------------------


def test_a_new_row_opens_an_account_once(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)
    user = new_user()
    insert = "insert into public.wallets (user_id, balance) values (%s, {}) {}"

    with refused("PT422"):
        conn.execute(insert.format(51, "").encode(), [user])
    with refused("PT422"):
        conn.execute(insert.format(-1, "").encode(), [user])
    (made,) = conn.execute(insert.format(50, "returning balance, note").encode(), [user]).fetchall()
    assert tuple(made) == (50, "new")
    with refused("23505"):
        conn.execute(insert.format(50, "").encode(), [user])
    assert conn.execute(insert.format(50, "on conflict do nothing").encode(), [user]).rowcount == 0
    conn.execute(SPEND, [user])
    # Who leaves and comes back finds what there was, and nothing more.
    conn.execute("delete from public.wallets where user_id = %s", [user])
    conn.execute(insert.format(50, "").encode(), [user])

    assert (wallet(conn, user), ledger(conn, user)) == ((40,), [("grant", 50), ("deduction", -10)])
    conn.execute("delete from public.wallets where user_id = %s", [ANN])
    conn.execute(insert.format(50, "").encode(), [ANN])
    assert (wallet(conn), ledger(conn)) == ((100,), [])
    conn.execute("insert into public.wallets (user_id) values (%s)", [new_user()])


SIGN_UP = """
create schema private;
create table private.users (id uuid primary key);
create function private.on_signup() returns trigger language plpgsql security definer
set search_path = '' as $$
begin
    insert into public.wallets (user_id, balance) values (new.id, 5) {};
    return new;
end $$;
create trigger on_signup after insert on private.users
for each row execute function private.on_signup();
"""


@pytest.mark.parametrize("conflict", ["", "on conflict do nothing"])
def test_a_sign_up_trigger_goes_on_to_work(conn: Conn, nobody: Nobody, conflict: str) -> None:
    """`run` does not ask about it: the view takes its insert."""
    moved(conn, nobody, WALLETS + SIGN_UP.format(conflict))
    user = new_user()

    conn.execute("insert into private.users values (%s)", [user])
    assert wallet(conn, user) == (5,)
    if conflict:
        conn.execute("insert into private.users values (%s)", [ANN])
        assert wallet(conn) == (100,)
    else:
        with refused("23505"):
            conn.execute("insert into private.users values (%s)", [ANN])


def test_a_sign_up_that_names_a_conflict_is_asked_about(conn: Conn, nobody: Nobody) -> None:
    """PostgreSQL refuses ON CONFLICT (column) for views."""
    conn.execute((WALLETS + SIGN_UP.format("on conflict (user_id) do nothing")).encode())
    plan = writable(conn)

    with pytest.raises(PlanError, match="on_signup"):
        run(conn, plan, nobody)


# --- months and plans -----------------------------------------------------------------------------

RESET = "update public.wallets set balance = 50 + bonus_credits, last_reset_at = now()"


def lasts(conn: Conn, user: Any = ANN) -> list[tuple[int, bool]]:
    """What is left in lots, and whether it lasts until the next reset of today."""
    return [
        tuple(row)
        for row in conn.execute(
            "select remaining, coalesce(expires_at > now() + interval '27 days', true)"
            " from credits.credit_lots where user_id = %s and not depleted order by 1",
            [user],
        )
    ]


def test_a_reset_brings_a_month_that_lasts(conn: Conn, nobody: Nobody) -> None:
    """What is left of the old month must not take the new one along when it expires."""
    moved(
        conn, nobody,
        INCLUDING + "update public.wallets set last_reset_at = now() - interval '27 days'",
    )  # fmt: skip
    assert lasts(conn) == [(40, True), (60, False)]

    conn.execute(RESET)

    assert wallet(conn, columns="balance, bonus_credits") == (90, 40)
    assert (lasts(conn), ledger(conn)) == (
        [(40, True), (50, True)], [("expiry", -60), ("grant", 50)],
    )  # fmt: skip
    with refused("PT422"):
        conn.execute("update public.wallets set balance = 250, last_reset_at = clock_timestamp()")
    # A total below what the bonus alone is says nothing of the month: it decides.
    conn.execute(
        "update public.wallets set balance = 30, last_reset_at = clock_timestamp()"
        " where user_id = %s",
        [ANN],
    )
    assert wallet(conn, columns="balance, bonus_credits") == (30, 30)
    assert ledger(conn)[2:] == [("deduction", -60)]


def test_a_plan_decides_what_a_month_brings(conn: Conn, nobody: Nobody) -> None:
    conn.execute("update credits.plans set monthly_credits = 50 where plan = 'plus'")
    conn.execute(INCLUDING.encode())
    plan = writable(conn)
    (part,) = plan.balances
    plan = replace(
        plan, balances=(replace(part, tier="tier", tiers={"FREE": "free", "PLUS": "plus"}),)
    )
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    # The user has this month's credits: the old reset brings none, and takes none.
    conn.execute(RESET)
    assert wallet(conn, columns="balance, bonus_credits") == (100, 40)
    conn.execute(
        "update public.wallets set tier = 'PLUS', balance = 50, bonus_credits = 0"
        " where user_id = %s",
        [ANN],
    )
    assert call(conn, "get_user_credits", ANN).plan == "plus"
    # 50 a month, of which free had brought 5.
    assert wallet(conn, columns="balance, bonus_credits") == (145, 40)
    newcomer = new_user()
    conn.execute("insert into public.wallets (user_id, balance) values (%s, 5)", [newcomer])
    assert call(conn, "get_user_credits", newcomer).plan == "free"
    assert rows(conn, "apply_allowances") == []
    assert wallet(conn, newcomer) == (5,)
    conn.execute("update public.wallets set tier = 'GONE' where user_id = %s", [newcomer])
    assert call(conn, "get_user_credits", newcomer).plan is None


def test_users_of_any_kind(conn: Conn, nobody: Nobody) -> None:
    moved(
        conn, nobody,
        "create table public.wallets (user_id text primary key, balance int not null);"
        "insert into public.wallets values ('user_1', 100)",
    )  # fmt: skip

    conn.execute(SPEND, ["user_1"])
    conn.execute("insert into public.wallets values ('user_2', 20)")
    conn.execute(SPEND, ["user_2"])

    assert (wallet(conn, "user_1"), wallet(conn, "user_2")) == ((90,), (10,))
    assert conn.execute(
        "select external_user_id from credits_monitoring.user_statement where credits = -10"
        " order by 1"
    ).fetchall() == [("user_1",), ("user_2",)]


# --- who may, and who does ------------------------------------------------------------------------


def test_who_may_write_and_who_sees_their_own_row(
    database: Database, conn: Conn, nobody: Nobody, stranger: str
) -> None:
    """The browser reads by the policy of the old table, and writes nothing."""
    plan = moved(
        conn, nobody,
        WALLETS + f"""
        create schema auth;
        create function auth.uid() returns uuid language sql stable as
            $$ select current_setting('request.jwt.claim.sub', true)::uuid $$;
        grant usage on schema auth, public to {stranger};
        grant select, update on public.wallets to {stranger};
        alter table public.wallets enable row level security;
        create policy own on public.wallets for select using (auth.uid() = user_id);
        """,
    )  # fmt: skip
    browser = database.connect(role=stranger)
    browser.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(ANN)])
    everything = b"select user_id, balance from {}.wallets"

    def seen(name: str) -> list[tuple[Any, ...]]:
        found = browser.execute(everything.decode().format(name).encode())
        return [tuple(row) for row in found]

    assert seen("public") == [(ANN, 100)]
    with refused("42501"):
        browser.execute(SPEND, [ANN])
    # A function in a condition is not shown the others' rows.
    browser.execute(
        "create function pg_temp.peeps(uuid) returns boolean language plpgsql cost 0.0001 as"
        " $$ begin raise exception 'saw %', $1; end $$"
    )
    browser.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(new_user())])
    assert browser.execute("select from public.wallets where pg_temp.peeps(user_id)").rowcount == 0
    browser.execute("select set_config('request.jwt.claim.sub', %s, false)", [str(ANN)])
    application = database.connect(role="credits_app")
    application.execute(SPEND, [ANN])
    assert seen("public") == [(ANN, 90)]
    # Where the table stays, the view in compat's schema shows them their own, too.
    (part,) = plan.balances
    install(conn, replace(plan, balances=(replace(part, writable=False),)), "legacy")
    assert seen("legacy") == [(ANN, 90)]


def test_a_policy_that_looks_further_shows_nothing(
    database: Database, conn: Conn, nobody: Nobody, stranger: str
) -> None:
    """A view would read the other table with its owner's rights, past that table's row security."""
    plan = moved(
        conn, nobody,
        WALLETS + f"""
        create table public.profiles (id uuid primary key);
        insert into public.profiles values ('{ANN}'), ('{BOB}');
        alter table public.profiles enable row level security;
        create policy mine on public.profiles using (id = current_setting('request.user')::uuid);
        create function public.is_known(public.wallets) returns boolean language sql as
            $$ select true $$;
        grant usage on schema public to {stranger};
        grant select on public.wallets, public.profiles to {stranger};
        alter table public.wallets enable row level security;
        create policy own on public.wallets using (user_id = current_setting('request.user')::uuid);
        create policy known on public.wallets using (public.is_known(wallets));
        create policy listed on public.wallets
            using (user_id in (select p.id from public.profiles as p));
        create policy found on public.wallets
            using (exists (select from public.profiles as p where p.id = user_id));
        """,
    )  # fmt: skip
    (part,) = plan.balances
    off = replace(plan, balances=(replace(part, writable=False),))
    browser = database.connect(role=stranger)
    browser.execute("select set_config('request.user', %s, false)", [str(ANN)])

    assert browser.execute("select balance from public.wallets").fetchall() == [(100,)]
    install(conn, off, "legacy")
    assert browser.execute("select balance from legacy.wallets").fetchall() == [(100,)]

    # Where it takes rows away, nothing is left that may be shown.
    conn.execute(
        "create policy shut on public.wallets as restrictive"
        " using (exists (select from public.profiles as p where p.id = user_id))"
    )
    install(conn, off, "legacy")
    with refused("42501"):
        browser.execute("select balance from legacy.wallets")
    install(conn, plan, "legacy")
    with refused("42501"):
        browser.execute("select balance from public.wallets")


def test_a_report_says_who_still_writes(conn: Conn, nobody: Nobody) -> None:
    moved(conn, nobody, WALLETS)

    for name in ("web", "jobs", "web"):
        conn.execute("select set_config('application_name', %s, false)", [name])
        conn.execute("update public.wallets set balance = balance + 1")
    conn.execute("update public.wallets set note = 'x' where user_id = %s", [ANN])
    conn.execute("insert into public.wallets (user_id) values (%s)", [new_user()])

    found = conn.execute(
        "select application, written_as, statement, writes, users,"
        " last_written_at > first_written_at as goes_on"
        " from credits_monitoring.legacy_writers order by 1, 3"
    ).fetchall()
    assert [tuple(row) for row in found] == [
        ("jobs", "public.wallets", "update", 2, 2, True),
        ("web", "public.wallets", "insert", 1, 1, False),
        ("web", "public.wallets", "update", 5, 2, True),
    ]
    assert [kind for kind, *_ in alerts(conn) if kind == "legacy_write"] == ["legacy_write"] * 2


# --- on and off -----------------------------------------------------------------------------------


def test_it_is_switched_off_and_on_again(conn: Conn, nobody: Nobody) -> None:
    plan = moved(conn, nobody, WALLETS)
    (part,) = plan.balances
    off = replace(plan, balances=(replace(part, writable=False),))
    conn.execute(SPEND, [ANN])
    with pytest.raises(PlanError, match=r"public\.wallets is a view"):
        run(conn, plan, nobody)

    install(conn, off, "legacy")
    with refused("PT410", "moved_to_pgcredits"):
        conn.execute(SPEND, [ANN])
    assert conn.execute(
        "select balance from legacy.wallets where user_id = %s", [ANN]
    ).fetchall() == [(90,)]
    run(conn, off, nobody)

    for again in (plan, plan, replace(plan, compat_max_rise=1)):
        install(conn, again, "legacy")
        conn.execute(SPEND, [ANN])
    assert wallet(conn) == (60,)
    with refused("PT422"):
        conn.execute("update public.wallets set balance = balance + 2 where user_id = %s", [ANN])
    # The table behind it takes no credits from anybody.
    with refused("PT410"):
        conn.execute("update legacy.old_wallets set balance = 7")


def test_a_table_that_is_locked_stays_where_it_is(
    database: Database, conn: Conn, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(WALLETS)
    plan = writable(conn)
    run(conn, plan, nobody)
    monkeypatch.setattr("pgcredits.adopt.compat.installing.LOCK_TIMEOUT", "50ms")

    with database.connect(autocommit=False) as other:
        other.execute("select from public.wallets")
        with pytest.raises(AdoptionError, match="locked by a long transaction"):
            install(conn, plan, "legacy")
        other.rollback()

    with refused("PT410"):
        conn.execute(SPEND, [ANN])
    install(conn, plan, "legacy")
    conn.execute(SPEND, [ANN])


def test_rows_that_do_not_stand_for_one_user_cannot_be_written(conn: Conn) -> None:
    conn.execute("create table public.wallets (id int primary key, user_id uuid, balance int)")
    part = Balances("public.wallets", "id", "user_id", (Bucket("balance"),), writable=True)
    plan = Plan(("public",), balances=(part,))

    with pytest.raises(PlanError, match="cannot be writable: user_id"):
        install(conn, plan, "legacy")
