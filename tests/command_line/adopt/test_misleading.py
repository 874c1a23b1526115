"""Names and rows that mislead: no credits come from what is none, and none are lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace
from psycopg.conninfo import make_conninfo

from command_line.adopt import systems
from command_line.adopt.older import LOG, Conn, add, balances, planned, refused_by
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from support.program import pgcredits

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody
    from support.databases import Database

ADA = systems.user(1)


def not_understood(conn: Conn) -> dict[str, str]:
    return dict(inspect(conn, ["public"]).discovery.not_understood)


def held_by(conn: Conn) -> list[str]:
    """The tables that are read as balances."""
    return [part.table for part in inspect(conn, ["public"]).discovery.plan.balances]


# --- what is left, and is no credits --------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "is_named"),
    [
        ("login_codes (id int primary key, user_id uuid, attempts_left int,"
         " expires_at timestamptz)", False),
        ("invitations (id int primary key, user_id uuid, uses_remaining int,"
         " valid_until timestamptz)", False),
        ("licenses (id int primary key, user_id uuid, seats_available int,"
         " expires_at timestamptz)", False),
        ("absences (id int primary key, user_id uuid, remaining int, amount int,"
         " expires_on date)", True),
        ("api_tokens (id int primary key, user_id uuid, remaining int, expires_at timestamptz)",
         False),
        ("profiles (id uuid primary key, storage_limit bigint, storage_used bigint)", False),
        ("files (id int primary key, user_id uuid, quota_mb int, mb_used int)", False),
    ],
)  # fmt: skip
def test_what_is_left_of_something_else_does_not_come_over(
    blank_database: Database, table: str, is_named: bool
) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table {table}".encode())

        assert held_by(conn) == []
        assert list(not_understood(conn)) == [f"public.{table.split()[0]}"] * is_named


@pytest.mark.parametrize("column", ["leave_balance", "outstanding_balance", "course_credits"])
def test_a_balance_of_another_name_is_asked_for_where_no_history_speaks_for_it(
    conn: Conn, nobody: Nobody, tmp_path: Path, column: str
) -> None:
    conn.execute(f"create table members (user_id uuid primary key, {column} int)".encode())
    add(conn, "members", "values (u(1), 12)")

    plan = planned(conn, tmp_path)

    (question,) = plan.undecided
    assert f"does {column} hold credits that its user may spend?" in question
    refused_by(conn, plan, nobody)


# --- what is credits, and no column of numbers says so --------------------------------------------


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("profiles (id uuid primary key, credits text)", "credits holds no numbers"),
        ("wallets (user_id uuid primary key, balance money)", "balance holds no numbers"),
        ("accounts (id uuid primary key, credits jsonb)", "credits holds no numbers"),
        ("credit_transactions (id int primary key, user_id uuid, type text, amount text,"
         " created_at timestamptz)", "amount holds no numbers"),
        ("subscriptions (id int primary key, user_id uuid, tier text, credits int)", "(credits)"),
        ("profiles (id uuid primary key, credits_limit int, credits_used int)",
         '"credits_limit" - "credits_used"'),
        ('profiles (id uuid primary key, "monthlyTokenQuota" int, "tokensUsedThisMonth" int)',
         '"monthlyTokenQuota" - "tokensUsedThisMonth"'),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named_with_the_reason(
    blank_database: Database, table: str, why: str
) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table {table}".encode())

        (said,) = not_understood(conn).values()

        assert why in said


def test_what_is_left_of_a_limit_is_asked_for_beside_what_was_bought(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """What is left of the month would stay behind, and no history would tell."""
    conn.execute(
        "create table profiles (id uuid primary key, monthly_limit int, used_this_month int,"
        " purchased_credits int not null default 0)"
    )
    add(conn, "profiles", "values (u(1), 50, 20, 7)")

    plan = planned(conn, tmp_path)
    (question,) = plan.undecided
    refused_by(conn, plan, nobody)
    conn.execute(question[question.index("alter table") :].encode())
    plan = planned(conn, tmp_path)
    assert plan.undecided == ()
    run(conn, plan, nobody)

    assert balances(conn) == [37]


def test_a_view_of_another_schema_and_a_foreign_table_are_named(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        conn.execute(
            "create schema billing;"
            "create table billing.wallets (user_id uuid primary key, balance int);"
            "create view user_wallets as select * from billing.wallets;"
            "create foreign data wrapper nowhere; create server other foreign data wrapper nowhere;"
            "create foreign table credit_balances (user_id uuid, balance int) server other;"
            "create table credit_log (id int primary key, user_id uuid, type text, delta int,"
            " created_at timestamptz);"
            "create view credit_sums as select user_id, sum(delta) from credit_log group by 1"
        )

        found = not_understood(conn)

        assert list(found) == ["public.credit_balances", "public.user_wallets"]
        assert "in another database" in found["public.credit_balances"]
        assert "name that schema, too (--schema billing)" in found["public.user_wallets"]
        both = inspect(conn, ["public", "billing"]).discovery
        assert [table for table, _ in both.not_understood] == ["public.credit_balances"]


# --- whose they are -------------------------------------------------------------------------------


def test_owners_of_two_kinds_are_not_taken_for_one(blank_database: Database) -> None:
    """Team 1 and user 1 would be the same."""
    with blank_database.connect() as conn:
        conn.execute(
            "create table wallets (id int primary key, owner_type text, owner_id int, balance int);"
            "insert into wallets values (1, 'Team', 1, 5), (2, 'User', 1, 7);"
            "create table credit_entries (id int primary key, owner_type text, owner_id int,"
            " credit int, debit int, created_at timestamptz);"
            "insert into credit_entries values (1, 'Team', 1, 5, 0, now()),"
            " (2, 'User', 1, 7, 0, now())"
        )

        found = not_understood(conn)

        assert held_by(conn) == []
        assert list(found) == ["public.credit_entries", "public.wallets"]
        assert all("only together with owner_type (Team, User)" in why for why in found.values())
        for why in found.values():
            conn.execute(why[why.index("alter table") :].encode())
        (balance,) = inspect(conn, ["public"]).discovery.plan.balances
        assert (balance.table, balance.user) == ("public.wallets", "credits_of")
        assert not_understood(conn) == {}


def test_balances_of_users_and_of_teams_in_one_table_are_not_left_behind(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table credit_balances (id int primary key, user_id text unique,"
        " organization_id text unique, balance int);"
        "insert into credit_balances values (1, 'ada', null, 5), (2, null, 'acme', 70)"
    )

    (why,) = not_understood(conn).values()
    assert why.startswith("rows without user_id have organization_id: ")
    conn.execute(why[why.index("alter table") :].encode())
    run(conn, planned(conn, tmp_path), nobody)

    assert balances(conn) == [5, 70]


@pytest.mark.parametrize("key", ["references profiles (id)", ""])
def test_a_profile_is_its_users(conn: Conn, nobody: Nobody, tmp_path: Path, key: str) -> None:
    """The history and the tasks name the profile, the balance stands beside the user's id."""
    conn.execute(
        "create table profiles (id uuid primary key, user_id uuid unique, credits int);"
        f"create table credit_transactions (id int primary key, profile_id uuid {key},"
        " type text, amount int, created_at timestamptz);"
        f"create table tasks (id uuid primary key, profile_id uuid {key}, status text,"
        " credits_charged int)".encode()
    )
    add(conn, "profiles", "values (u(11), u(1), 7), (u(12), u(2), 5)")
    add(conn, "credit_transactions", "values (1, u(11), 'bonus', 7, now()),"
        " (2, u(12), 'bonus', 8, now()), (3, u(12), 'usage', 3, now())")  # fmt: skip
    add(conn, "tasks", "values (u(21), u(12), 'failed', 3)")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert prove(conn, plan).by_history == 12
    users = {row.user_id.int for row in conn.execute("select user_id from credits.generations")}
    assert users == {2}
    copied = conn.execute("select distinct user_id from credits.imported_history").fetchall()
    assert {row.user_id.int for row in copied} == {1, 2}
    # A task that the application starts from now on is that user's, too.
    add(conn, "tasks", "values (u(22), u(11), 'processing', 0)")
    users = {row.user_id.int for row in conn.execute("select user_id from credits.generations")}
    assert users == {1, 2}


@pytest.mark.parametrize(
    ("accounts", "says"),
    [
        (("public.wallets",), "is not a table, its key and its column"),
        (("public.nothing", "id", "user_id"), "is not a table, its key and its column"),
        (("public.wallets", "id", "who"), "has no column who"),
        (("public.wallets", "balance", "user_id"), "balance does not tell the accounts"),
        (("public.wallets", "name", "user_id"), "wallet_id is integer, and name of"),
    ],
)
def test_accounts_that_lead_nowhere_are_refused(
    conn: Conn, nobody: Nobody, tmp_path: Path, accounts: tuple[str, ...], says: str
) -> None:
    conn.execute(
        "create table wallets (id int primary key, name text unique, user_id uuid unique,"
        " balance int);"
        "create table credit_log (id int primary key, wallet_id int references wallets,"
        " type text, amount int, created_at timestamptz)"
    )
    plan = planned(conn, tmp_path)
    (log,) = plan.history
    assert log.accounts == ("public.wallets", "id", "user_id")

    wrong = replace(plan, history=(replace(log, accounts=accounts),))

    assert says in refused_by(conn, wrong, nobody)


# --- what adds up ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        "wallets (user_id uuid primary key, currency text, balance int)",
        "accounts (id int primary key, user_id uuid, type text, balance int)",
        "credit_entries (id int primary key, user_id uuid, currency text, credit int, debit int)",
    ],
)
def test_units_do_not_add_up(blank_database: Database, table: str) -> None:
    with blank_database.connect() as conn:
        conn.execute(f"create table {table}".encode())
        name, columns = table.split(" ", 1)
        amount = "balance" if "balance" in columns else "credit"
        unit = "type" if "type" in columns else "currency"
        ids = "id, " if columns.startswith("(id") else ""
        for n, word in enumerate(("eur", "minutes")):
            user = ADA if name != "wallets" else systems.user(n)
            conn.execute(
                f"insert into {name} ({ids}user_id, {unit}, {amount}) values"
                f" ({f'{n}, ' if ids else ''}'{user}', '{word}', 5)".encode()
            )

        assert held_by(conn) == []
        assert "several kinds of credits" in not_understood(conn)[f"public.{name}"]


def test_rows_of_a_month_each_are_not_added_up(blank_database: Database) -> None:
    """What was left of earlier months has ended, and nothing says so."""
    with blank_database.connect() as conn:
        conn.execute(
            "create table user_credits (id int primary key, user_id uuid, month date,"
            " credits_granted int, credits_left int);"
            f"insert into user_credits values (1, '{ADA}', '2026-10-01', 50, 20),"
            f" (2, '{ADA}', '2026-11-01', 50, 40)"
        )

        assert held_by(conn) == []
        (why,) = not_understood(conn).values()
        assert why == "each row is of a month, and nothing says when its credits end"


def test_a_log_of_purchases_and_one_of_use_prove_a_balance_together(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table credit_usage (id int primary key, user_id uuid, credits_used int,"
        " action text, created_at timestamptz);"
        "create table credit_purchases (id int primary key, user_id uuid, credits int,"
        " status text, created_at timestamptz)"
    )
    add(conn, "wallets", "values (u(1), 12)")
    add(conn, "credit_usage", "values (1, u(1), 3, 'chat', now()), (2, u(1), 5, 'export', now())")
    add(conn, "credit_purchases", "values (1, u(1), 20, 'paid', now()),"
        " (2, u(1), 70, 'failed', now())")  # fmt: skip

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert prove(conn, plan).by_history == 12
    assert balances(conn) == [12]


def test_the_end_of_a_users_credits_comes_over(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(
        "create table users (id uuid primary key, credits int, credits_expire_at timestamptz)"
    )
    add(conn, "users", "values (u(1), 3, now() - interval '1 day'), (u(2), 5, null)")

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [5]
    assert prove(conn, plan).expired == 3


def test_a_stale_copy_of_the_balances_is_asked_for(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """The application moved to another table once, and left the old column as it was."""
    conn.execute("create table profiles (id uuid primary key, credits int)")
    conn.execute("create table user_credits (user_id uuid primary key, balance int)")
    add(conn, "profiles", "values (u(1), 30), (u(2), 5)")
    add(conn, "user_credits", "values (u(1), 7), (u(2), 9), (u(3), 4)")

    (question,) = planned(conn, tmp_path).undecided

    for total in ("55 credits as written", "35 credits (without", "20 credits (without"):
        assert total in question
    refused_by(conn, planned(conn, tmp_path), nobody)
    # Where nobody has credits in both, nothing is doubled.
    conn.execute("delete from profiles")
    add(conn, "profiles", "values (u(4), 1)")
    assert planned(conn, tmp_path).undecided == ()


def test_the_balance_beside_the_last_row_proves_a_sum(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """The oldest rows were deleted: the sum of the rest says less than users have."""
    conn.execute(
        "create table credit_ledger (id int primary key, user_id uuid, type text, delta int,"
        " balance_after int, created_at timestamptz)"
    )
    add(conn, "credit_ledger", "values (5, u(1), 'bonus', 10, 110, now()),"
        " (6, u(1), 'usage', -4, 106, now()), (7, u(2), 'bonus', 8, 8, now())")  # fmt: skip

    plan = planned(conn, tmp_path)

    assert f"{ADA} has 6, and 106 by it" in refused_by(conn, plan, nobody)
    conn.execute("insert into credit_ledger select 1, user_id, 'bonus', 100, 100,"
                 " now() - interval '1 year' from credit_ledger where id = 5")  # fmt: skip
    run(conn, plan, nobody)
    assert balances(conn) == [8, 106]
    assert prove(conn, plan).by_history == 114


def test_grants_in_one_log_and_charges_in_another_are_summed_if_a_person_says_so(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """Nothing says whether the second log repeats what the first one has."""
    for table in ("credit_grants", "credit_usage"):
        conn.execute(
            f"create table {table} (id int primary key, user_id uuid, credits int,"
            " created_at timestamptz)".encode()
        )
    add(conn, "credit_grants", "values (1, u(1), 100, now()), (2, u(2), 8, now())")
    add(conn, "credit_usage", "values (1, u(1), 60, now()), (2, u(1), 5, now())")

    plan = planned(conn, tmp_path)
    (question,) = plan.undecided
    assert "43 credits with table = 'public.credit_grants', sums = ['public.credit_usage']" in (
        question
    )
    refused_by(conn, plan, nobody)
    run(conn, replace(plan, undecided=()), nobody)

    assert balances(conn) == [8, 35]


# --- rows -----------------------------------------------------------------------------------------


def test_a_row_without_a_time_is_not_the_last(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table credit_ledger (id uuid primary key default gen_random_uuid(), user_id uuid,"
        " type text, delta int, balance_after int, created_at timestamptz)"
    )
    add(conn, "wallets", "values (u(1), 9)")
    add(conn, "credit_ledger (user_id, type, delta, balance_after, created_at)",
        "values (u(1), 'bonus', 10, 10, null), (u(1), 'usage', -1, 9, now())")  # fmt: skip

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert balances(conn) == [9]
    assert prove(conn, plan).by_history == 9


def test_a_column_with_more_words_than_a_list_has_is_none(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(LOG.format(more="updated_at timestamptz").encode())
    add(conn, "user_credits", "values (u(1), 150, null)")
    add(
        conn,
        "credit_transactions (user_id, type, amount)",
        "select u(1), 'for film ' || n, case when n = 1 then 300 else -1 end"
        " from generate_series(1, 151) as n",
    )

    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)

    assert prove(conn, plan).by_history == 150


def test_a_computed_column_has_no_default_that_would_be_refused(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table profiles (id uuid primary key, granted int not null default 0,"
        " used int not null default 0,"
        " credits int generated always as (granted - used) stored)"
    )
    add(conn, "profiles (id, granted, used)", "values (u(1), 12, 5)")

    run(conn, planned(conn, tmp_path), nobody)

    assert balances(conn) == [7]
    conn.execute(f"insert into profiles (id) values ('{systems.user(2)}')".encode())
    with pytest.raises(Exception, match="moved"):
        conn.execute("update profiles set used = used + 1")


def test_a_key_in_partitions_that_is_not_unique_is_refused(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table credit_log (id int, user_id uuid, type text, amount int,"
        " created_at timestamptz, primary key (id, created_at)) partition by range (created_at);"
        "create table credit_log_all partition of credit_log default"
    )
    add(conn, "wallets", "values (u(1), 3)")
    add(conn, "credit_log", "values (1, u(1), 'bonus', 3, now())")
    plan = planned(conn, tmp_path)
    assert [part.key for part in plan.history] == ["id"]

    add(conn, "credit_log", "values (1, u(1), 'bonus', 3, now() - interval '1 day')")

    with pytest.raises(PlanError, match="key = 'id' does not tell its rows apart"):
        run(conn, plan, nobody)
    assert list(not_understood(conn)) == ["public.credit_log"]


def test_keys_that_were_drawn_in_another_order_do_not_hide_which_row_is_the_last(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    """The rows were brought here from another database once."""
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table credit_ledger (id bigint primary key, user_id uuid, type text, delta int,"
        " balance_after int, created_at timestamptz)"
    )
    add(conn, "wallets", "values (u(1), 8)")
    add(conn, "credit_ledger", "values (2, u(1), 'bonus', 10, 10, now() - interval '1 day'),"
        " (1, u(1), 'usage', -2, 8, now())")  # fmt: skip

    run(conn, planned(conn, tmp_path), nobody)

    assert balances(conn) == [8]


def test_a_generated_total_says_that_its_parts_are_balances(
    conn: Conn, nobody: Nobody, tmp_path: Path
) -> None:
    conn.execute(
        "create table user_credits (user_id uuid primary key, monthly_credits int,"
        " bonus_credits int,"
        " total_credits int generated always as (monthly_credits + bonus_credits) stored)"
    )
    add(conn, "user_credits (user_id, monthly_credits, bonus_credits)", "values (u(1), 5, 6)")

    run(conn, planned(conn, tmp_path), nobody)

    assert balances(conn) == [11]


@pytest.fixture
def looker(conn: Conn, stranger: str) -> str:
    """A role that may log in."""
    conn.execute(f"alter role {stranger} login".encode())
    return stranger


def test_a_table_that_may_not_be_read_is_named_and_what_helps(
    database: Database, conn: Conn, looker: str, tmp_path: Path
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, balance int);"
        "create table tasks (id uuid primary key, user_id uuid, status text, credits_charged int);"
        f"grant select on wallets to {looker}"
    )

    said = pgcredits("adopt", "plan", dsn=make_conninfo(database.dsn, user=looker), folder=tmp_path)

    assert said.returncode == 26
    assert "permission denied for table tasks" in said.stderr
    assert "hint: Connect as a member of the owners of the old tables." in said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("column", "dead"), [("revoked_at timestamptz", "now()"),
                                              ("is_deleted boolean", "true")])  # fmt: skip
def test_lots_that_count_no_more_are_not_brought_over_unasked(
    conn: Conn, nobody: Nobody, tmp_path: Path, column: str, dead: str
) -> None:
    conn.execute(
        "create table credit_packs (id int primary key, user_id uuid, credits_total int,"
        f" credits_left int, {column})".encode()
    )
    add(conn, "credit_packs", f"values (1, u(1), 50, 20, null), (2, u(1), 50, 50, {dead})")

    plan = planned(conn, tmp_path)
    (question,) = plan.undecided
    assert "credits_left = 20 credits as written, or credits_left = 70 credits" in question
    run(conn, replace(plan, undecided=()), nobody)

    assert balances(conn) == [20]
    assert prove(conn, plan).dead == 50


def test_lots_that_are_not_active_are_named(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        conn.execute(
            "create table credit_packs (id int primary key, user_id uuid, credits_total int,"
            " credits_left int, is_active boolean not null);"
            f"insert into credit_packs values (1, '{ADA}', 50, 20, true)"
        )
        assert held_by(conn) == ["public.credit_packs"]

        conn.execute(f"insert into credit_packs values (2, '{ADA}', 50, 50, false)")

        (why,) = not_understood(conn).values()
        assert why == "nothing says whether credits count where is_active is false"


def test_steps_in_dollars_lead_to_the_balance_in_dollars(conn: Conn) -> None:
    conn.execute(
        "create table credit_ledger (id int primary key, user_id uuid, direction text,"
        " amount numeric, balance_after numeric, created_at timestamptz)"
    )
    add(conn, "credit_ledger", "values (1, u(1), 'in', 10.00, 10.00, now() - interval '1 day'),"
        " (2, u(1), 'out', 2.25, 7.75, now())")  # fmt: skip

    found = inspect(conn, ["public"])

    assert found.discovery.plan.credits_per_unit == 100
    assert found.discovery.to_do == ()
    assert [one.title for one in found.faults if one.number == "L1"] == []
