from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import closed
from pgcredits import deploy
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.errors import AdoptionError
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.running import run
from pgcredits.roles import ROLES
from support.api import call, new_user, refused, rows

if TYPE_CHECKING:
    from uuid import UUID

    from command_line.adopt.systems import Nobody
    from support.databases import Database

Conn = psycopg.Connection[Any]


@pytest.fixture
def moved(conn: Conn, nobody: Nobody) -> Conn:
    """The photo platform, moved over, with its old names in schema legacy."""
    systems.load(conn, "photo_platform", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    return conn


def asked(conn: Conn, query: str, *arguments: Any) -> Any:
    """The one value of a query."""
    (row,) = conn.execute(query.encode(), arguments).fetchall()
    return row[0]


def balance(conn: Conn, user: UUID) -> int:
    found: int = call(conn, "get_user_credits", user).balance
    return found


def alerts(conn: Conn) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in conn.execute(
            "select user_id, type, level::text, occurrences from credits.system_alerts order by 1"
        )
    ]


def test_it_says_what_it_made(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    with pytest.raises(AdoptionError, match="has not been moved over"):
        install(conn, plan, "legacy")
    run(conn, plan, nobody)

    made = install(conn, plan, "legacy")

    assert {one.name: one.does for one in made} == {
        "legacy.consume_user_credits(uuid, integer, character varying)": "charges",
        "legacy.consume_user_credits(uuid, integer)": "charges",
        "legacy.refund_user_credits(uuid, integer, character varying)": "refunds a charge once",
        "legacy.process_credit_refund(uuid, uuid, integer, character varying)": (
            "refunds a charge once"
        ),
        "legacy.add_purchased_credits(uuid, integer)": "grants",
        "legacy.update_user_credits(uuid, integer, text, text, text, jsonb)": (
            "charges, grants or refunds"
        ),
        "legacy.reset_monthly_subscription_benefits()": "grants what plans bring this month",
        "legacy.user_credits": "balances of today",
        "legacy.credit_transactions": "the old rows, and the ledger since",
    }


def test_it_can_be_made_again(moved: Conn) -> None:
    install(moved, inspect(moved, ["public"]).discovery.plan, "legacy")


@pytest.mark.parametrize("schema", ["public", "credits", "credits_compat"])
def test_schemas_that_are_taken(conn: Conn, schema: str) -> None:
    systems.load(conn, "photo_platform", dirty=False)

    with pytest.raises(AdoptionError, match=f"schema {schema} is taken"):
        install(conn, inspect(conn, ["public"]).discovery.plan, schema)


# --- functions ------------------------------------------------------------------------------------


def test_a_charge_by_its_old_names(moved: Conn) -> None:
    user = systems.user(2)

    assert asked(moved, "select legacy.consume_user_credits(%s, 10)", user) == {
        "success": True,
        "remaining_balance": 140,
        "new_balance": 140,
    }
    assert (
        asked(
            moved,
            "select remaining_balance from legacy.consume_user_credits"
            "(p_user_id => %s, p_credits => 5, p_enhancement_type => 'video')",
            user,
        )
        == 135
    )
    (row,) = rows(moved, "get_user_transactions", user, p_limit=1)
    assert (row.credits, row.reason) == (-5, "video")


def test_insufficient_credits_is_said_as_before(moved: Conn) -> None:
    """The message stays the same, since clients compare its text."""
    user = systems.user(3)

    assert asked(moved, "select legacy.consume_user_credits(%s, 8)", user) == {
        "success": False,
        "error": "Insufficient credits",
        "remaining_balance": 7,
    }
    with pytest.raises(psycopg.Error, match=r"^Insufficient credits") as refusal:
        moved.execute("select * from legacy.consume_user_credits(%s, 8, 'video')", [user])
    assert refusal.value.sqlstate == "PT402"
    assert balance(moved, user) == 7


@pytest.mark.parametrize("amount", [0, -5, None])
def test_nobody_mints_credits_by_an_old_name(moved: Conn, amount: int | None) -> None:
    """L14: functions that take negative amounts."""
    for name in ("consume_user_credits(%s, %s)", "refund_user_credits(%s, %s, 'x')",
                 "add_purchased_credits(%s, %s)"):  # fmt: skip
        with refused("PT422", "invalid_argument"):
            moved.execute(f"select legacy.{name}".encode(), [systems.user(1), amount])
    assert balance(moved, systems.user(1)) == 38


def test_a_refund_that_names_nothing_finds_the_newest_charge_of_its_amount(moved: Conn) -> None:
    user = systems.user(2)
    other = [(systems.user(1), 3)] * 5
    for whose, price in ((user, 3), (user, 3), (user, 8), *other):
        moved.execute("select legacy.consume_user_credits(%s, %s)", [whose, price])
    newest = rows(moved, "get_user_transactions", user, p_limit=2)[1].transaction_id

    moved.execute("select legacy.refund_user_credits(%s, 3, 'video')", [user])

    refund = rows(moved, "get_user_transactions", user, p_limit=1)[0]
    assert (refund.credits, refund.refund_of, refund.reason) == (3, newest, "video")
    assert balance(moved, user) == 150 - 11
    assert balance(moved, systems.user(1)) == 38 - 15


def test_it_never_pays_more_than_was_charged(moved: Conn) -> None:
    """L3: two charges of 3 can be refunded twice, whatever is asked."""
    user = systems.user(2)
    for _ in range(2):
        moved.execute("select legacy.consume_user_credits(%s, 3)", [user])

    for _ in range(5):
        moved.execute("select legacy.refund_user_credits(%s, 3, 'video')", [user])
    moved.execute("select legacy.refund_user_credits(%s, 1000, 'video')", [user])

    assert balance(moved, user) == 150
    # An alert for each amount that matched nothing.
    assert alerts(moved) == [
        (user, "legacy_refund_unmatched", "warning", 3),
        (user, "legacy_refund_unmatched", "warning", 1),
    ]


@pytest.mark.parametrize("is_named", [False, True])
def test_twenty_at_once_refund_each_charge_once(
    moved: Conn, database: Database, is_named: bool
) -> None:
    user = systems.user(2)
    update = "select legacy.update_user_credits(%s, %s, %s, 'words', %s, null)"
    for _ in range(5):
        moved.execute(update, [user, -3, "usage", "job-1" if is_named else None])
    barrier = threading.Barrier(20)
    refused = []

    def refund() -> None:
        with psycopg.connect(database.dsn) as conn:
            barrier.wait()
            try:
                conn.execute(update, [user, 3, "refund", "job-1" if is_named else None])
            except psycopg.Error as error:
                refused.append(error)

    threads = [threading.Thread(target=refund) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == []
    assert balance(moved, user) == 150


def test_a_refund_of_a_task_is_the_generations(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    refund = "select legacy.process_credit_refund(%s, %s, %s, 'failed')"

    # A refund is owed: 1 of 20 had come back. After this one the settlement has nothing to pay.
    assert asked(conn, refund, systems.task(4), systems.user(4), 20) is True
    assert balance(conn, systems.user(4)) == 31 + 19
    assert asked(conn, refund, systems.task(4), systems.user(4), 20) is False
    assert systems.user(4) not in {row.user_id for row in rows(conn, "settle_owed_refunds")}
    # A user cannot have another user's tasks refunded.
    assert asked(conn, refund, systems.task(2), systems.user(5), 12) is False
    assert asked(conn, refund, systems.task(8), systems.user(5), 4) is False
    # A task in flight: the refund makes it fail.
    assert asked(conn, refund, systems.task(8), systems.user(8), 4) is True
    assert call(conn, "get_generation", systems.user(8), systems.task(8)).status == "failed"
    # A task that was settled in the older system.
    assert asked(conn, refund, systems.task(3), systems.user(3), 12) is False
    assert balance(conn, systems.user(3)) == 30


def test_a_refund_of_the_providers_task_is_the_generations(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    user = systems.user(8)

    # A generation in flight is refunded when it ends, or by a refund that names it.
    conn.execute("select legacy.refund_user_credits(%s, 4, 'x')", [user])
    assert (balance(conn, user), alerts(conn)) == (6, [])
    for _ in range(2):
        conn.execute(
            "select legacy.update_user_credits(%s, 4, 'refund', 'words', 'p-8', null)", [user]
        )
    assert balance(conn, user) == 10


def test_a_refund_of_a_task_that_nobody_knows_finds_a_charge(moved: Conn) -> None:
    user = systems.user(2)
    moved.execute("select legacy.consume_user_credits(%s, 3)", [user])
    refund = "select legacy.process_credit_refund(%s, %s, 3, 'failed')"

    assert asked(moved, refund, new_user(), user) is True
    assert asked(moved, refund, new_user(), user) is False
    assert asked(moved, refund, None, user) is False
    assert balance(moved, user) == 150
    # A refund whose call is repeated is paid once, even where other charges could be refunded.
    for _ in range(2):
        moved.execute("select legacy.consume_user_credits(%s, 3)", [user])
    again = new_user()
    assert [asked(moved, refund, again, user) for _ in range(3)] == [True, False, False]
    assert balance(moved, user) == 147


def test_a_charge_with_a_name_is_refunded_by_that_name(moved: Conn) -> None:
    user = systems.user(2)
    update = "select legacy.update_user_credits(%s, %s, %s, 'words', %s, null)"
    for _ in range(2):
        moved.execute(update, [user, -10, "usage", "job-1"])
    refund = "select legacy.process_credit_refund(%s, %s, 10, 'failed')"

    assert asked(moved, refund, new_user(), user) is False
    for left in (140, 150, 150):
        moved.execute(update, [user, 10, "refund", "job-1"])
        assert balance(moved, user) == left


def test_one_function_for_all(moved: Conn) -> None:
    user = systems.user(2)
    update = "select legacy.update_user_credits(%s, %s, %s, 'words', %s, null)"

    moved.execute(update, [user, -10, "usage", "job-1"])
    moved.execute(update, [user, -10, "usage", "job-2"])
    assert balance(moved, user) == 130
    moved.execute(update, [user, 25, "purchase", "pay-1"])
    moved.execute(update, [user, 25, "purchase", "pay-1"])
    assert balance(moved, user) == 155
    for _ in range(3):
        moved.execute(update, [user, 10, "refund", "job-1"])
    assert balance(moved, user) == 165
    # A refund works with either sign of the amount (L6).
    moved.execute(update, [user, -10, "refund", "job-2"])
    assert balance(moved, user) == 175
    # L13: what was bought stays, and a change of plan brings its credits once a month.
    for _ in range(3):
        moved.execute(update, [user, 30, "plan_change", None])
    assert balance(moved, user) == 205
    moved.execute(update, [user, 5, "", None])
    moved.execute(update, [user, -5, "", None])
    assert balance(moved, user) == 205


@pytest.mark.parametrize(
    ("word", "amount", "difference"),
    [
        ("usage", 5, -5),
        ("Usage", -5, -5),
        ("recharge", 5, 5),
        ("bonus", 5, 5),
        ("withdrawal", 5, -5),
        ("remove", 5, -5),
        ("refund", 5, 0),
        ("tinkering of sorts", 5, None),
    ],
)
def test_the_type_says_which_way(
    moved: Conn, word: str, amount: int, difference: int | None
) -> None:
    user = systems.user(2)
    update = "select legacy.update_user_credits(%s, %s, %s, 'words', null, null)"

    if difference is None:
        with refused("PT422", "invalid_argument"):
            moved.execute(update, [user, amount, word])
    else:
        moved.execute(update, [user, amount, word])

    assert balance(moved, user) == 150 + (difference or 0)


BODY = """language plpgsql as $$ begin
    update public.user_credits set current_balance = 0 where user_id = p_user_id;
    {result}
end $$
"""


@pytest.mark.parametrize(
    ("declared", "call_it", "difference"),
    [
        # Names that only look like it.
        ("consume_user_credits(p_user_id uuid, p_credits int, p_generation_type text)",
         "(%s, 5, 'image')", -15),
        ("add_purchased_credits(p_user_id uuid, p_credits int, p_payment_method text)",
         "(%s, 5, 'card')", 15),
        ("recharge_user_credits(p_user_id uuid, p_credits int)", "(%s, 5)", 15),
        ("add_credits(p_user_id uuid, p_credit_type int, p_amount int)", "(%s, 1, 5)", 15),
        # Two calls with one key grant once.
        ("add_credits(p_user_id uuid, p_amount int, p_payment_id text)", "(%s, 5, 'pi_1')", 5),
        ("consume_credits(p_user_id uuid, p_amount int, p_request_id text)", "(%s, 5, 'r')", -5),
    ],
)  # fmt: skip
def test_names_of_arguments_are_read_with_care(
    conn: Conn, nobody: Nobody, declared: str, call_it: str, difference: int
) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    body = BODY.format(result="return;")
    conn.execute(f"create function public.{declared} returns void {body}".encode())
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    for _ in range(3):
        name = declared.split("(", 1)[0]
        conn.execute(f"select legacy.{name}{call_it}".encode(), [systems.user(2)])

    assert balance(conn, systems.user(2)) == 150 + difference


@pytest.mark.parametrize(
    ("name", "volatility"),
    [
        ("can_deduct_credits", "volatile"),
        ("check_credit_refund", "volatile"),
        ("deduct_credits", "stable"),
        ("update_credit_limit", "volatile"),
        ("expire_monthly_credits", "volatile"),
        ("get_charge_credits", "volatile"),
    ],
)
def test_what_only_reads_is_left_alone(
    conn: Conn, nobody: Nobody, name: str, volatility: str
) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute(
        f"create function public.{name}(p_user_id uuid, p_amount int) returns bool {volatility}"
        " language sql as 'select true'".encode()
    )
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)

    assert name not in str(install(conn, plan, "legacy"))


def test_units_of_several_credits(conn: Conn, nobody: Nobody) -> None:
    conn.execute("create table public.wallets (user_id uuid primary key, balance numeric)")
    conn.execute("insert into public.wallets values (%s, 10.5)", [systems.user(1)])
    for name in ("spend_credits", "refund_credits"):
        conn.execute(
            f"create function public.{name}(p_user_id uuid, p_amount numeric)"
            f" returns numeric {BODY.format(result='return 0;')}".encode()
        )
    plan = replace(inspect(conn, ["public"]).discovery.plan, credits_per_unit=100)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    user = systems.user(1)

    assert asked(conn, "select legacy.spend_credits(%s, 2.5)", user) == Decimal(8)
    assert asked(conn, "select balance from legacy.wallets") == Decimal(8)
    assert asked(conn, "select legacy.refund_credits(%s, 2.5)", user) == Decimal("10.5")
    assert balance(conn, user) == 1050
    with refused("PT422", "invalid_argument"):
        conn.execute("select legacy.spend_credits(%s, 2.555)", [user])


def test_what_cannot_be_made_is_said(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute("create schema shop")
    # Two schemas have a function of one name, and its results differ.
    for schema, result, value in (("public", "int", "1"), ("shop", "bool", "true")):
        conn.execute(
            f"create function {schema}.spend_credits(p_user_id uuid, p_amount int)"
            f" returns {result} {BODY.format(result=f'return {value};')}".encode()
        )
    plan = inspect(conn, ["public", "shop"]).discovery.plan
    run(conn, plan, nobody)

    made = [
        one.does
        for one in install(conn, plan, "legacy")
        if one.name == "legacy.spend_credits(uuid, integer)"
    ]

    assert [does.partition(",")[0] for does in made] == ["charges", "NOT made"]


def test_what_writes_there_and_is_not_understood_is_said(conn: Conn, nobody: Nobody) -> None:
    """Calls of such a function fail from now on, and some callers swallow the error."""
    systems.load(conn, "single_column", dirty=False)
    for name, body in (
        ("settle_up", "update public.profiles set credits = credits + 5"),
        ("rename_user", "update public.profiles set username = 'x'"),
        ("show_credits", "select credits from public.profiles"),
    ):
        result = "void" if "update" in body else "int"
        conn.execute(
            f"create function public.{name}() returns {result} language sql as '{body}'".replace(
                "'x'", "''x''"
            ).encode()
        )
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)

    made = {one.name: one.does for one in install(conn, plan, "legacy")}

    assert made["legacy.settle_up()"].startswith("NOT made")
    assert not {"legacy.rename_user()", "legacy.show_credits()"} & set(made)


@pytest.mark.parametrize("name", ["give_back_credits", "pay_back_tokens", "reimburse_credits"])
def test_what_gives_back_grants_nothing(conn: Conn, nobody: Nobody, name: str) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute(
        f"create function public.{name}(p_owner uuid, p_qty int) returns void"
        f" {BODY.replace('p_user_id', 'p_owner').format(result='return;')}".encode()
    )
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    conn.execute(f"select legacy.{name}(%s, 5)".encode(), [systems.user(1)])

    assert balance(conn, systems.user(1)) == 38


@pytest.mark.parametrize(
    "theirs",
    [
        "create function app.consume_user_credits(uuid, int) returns int language sql"
        " as 'select 1'",
        "create view app.user_credits as select 1 as n",
    ],
)
def test_a_schema_of_somebody_else_is_not_touched(conn: Conn, nobody: Nobody, theirs: str) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    conn.execute("create schema app")
    conn.execute(theirs.encode())

    with pytest.raises(AdoptionError, match=r"schema app is taken: app.* is not ours"):
        install(conn, plan, "app")


def test_credits_are_added_by_their_old_name(moved: Conn) -> None:
    moved.execute("select legacy.add_purchased_credits(%s, 25)", [systems.user(1)])

    (row,) = rows(moved, "get_user_transactions", systems.user(1), p_limit=1)
    assert (row.credits, row.source, balance(moved, systems.user(1))) == (25, "purchase", 63)


def test_only_the_application_may_call_them(moved: Conn) -> None:
    """L4: functions that anyone may call."""
    moved.execute("create role somebody_else")
    moved.execute("grant usage on schema legacy to somebody_else")
    try:
        moved.execute("set role somebody_else")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            moved.execute("select legacy.refund_user_credits(%s, 1, 'x')", [systems.user(1)])
        moved.execute("set role credits_app")
        moved.execute("select legacy.consume_user_credits(%s, 1)", [systems.user(1)])
    finally:
        moved.execute("reset role")
        moved.execute("revoke usage on schema legacy from somebody_else")
        moved.execute("drop role somebody_else")


def test_functions_are_as_ours_are(moved: Conn) -> None:
    """L20: security definer without search_path."""
    found = moved.execute(
        "select p.proname, p.proconfig, p.prosecdef from pg_proc as p"
        " where p.pronamespace = 'legacy'::regnamespace"
    ).fetchall()

    assert found
    assert {tuple(row.proconfig) for row in found} == {("search_path=pg_catalog, pg_temp",)}
    assert all(row.prosecdef for row in found)


# --- views ----------------------------------------------------------------------------------------


def test_balances_by_their_old_name(moved: Conn) -> None:
    moved.execute("select legacy.consume_user_credits(%s, 60)", [systems.user(2)])
    newcomer = new_user()
    call(moved, "grant_user_credits", newcomer, 9)

    found = moved.execute(
        "select user_id, subscription_tier, current_balance, purchased_credits_balance"
        " from legacy.user_credits"
    ).fetchall()

    assert {tuple(row) for row in found} == {
        (systems.user(1), "pro", 38, 0),
        # The monthly ones first, since they expire.
        (systems.user(2), "pro", 0, 90),
        (systems.user(3), "pro", 0, 7),
        (newcomer, None, 0, 9),
    }


def test_history_by_its_old_name(moved: Conn) -> None:
    moved.execute("select legacy.consume_user_credits(%s, 6)", [systems.user(1)])

    found = moved.execute(
        "select transaction_type, credits_used from legacy.credit_transactions"
        " where user_id = %s order by created_at",
        [systems.user(1)],
    ).fetchall()

    assert [tuple(row) for row in found] == [("usage", 12), ("usage", 6)]


def test_tasks_by_their_old_name(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    plan = closed(inspect(conn, ["public"]).discovery.plan)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")
    rows(conn, "settle_owed_refunds", p_dry_run=False)
    call(conn, "complete_generation", systems.user(8), systems.task(8))

    found = {
        row.id.int - 0xA000: (row.status, row.refunded)
        for row in conn.execute("select id, status, refunded from legacy.enhancement_tasks")
    }

    assert found[2] == ("failed", True)
    assert found[8] == ("completed", False)
    assert found[13] == ("timeout", True)
    assert found[3] == ("failed", False)
    assert found[4] == ("failed", True)


@pytest.mark.parametrize(
    "statement",
    [
        "update legacy.user_credits set current_balance = 1000",
        "insert into legacy.credit_transactions (credits_used) values (1)",
        "delete from legacy.enhancement_tasks",
    ],
)
def test_they_cannot_be_written(conn: Conn, nobody: Nobody, statement: str) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    plan = closed(inspect(conn, ["public"]).discovery.plan)
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        conn.execute(statement.encode())


def test_a_users_own_row_keeps_its_other_columns(conn: Conn, nobody: Nobody) -> None:
    systems.load(conn, "single_column", dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    old = conn.execute("select * from public.profiles limit 0").description or ()
    columns = conn.execute("select * from legacy.profiles limit 0").description or ()
    assert [column.name for column in columns] == [column.name for column in old]
    assert not asked(
        conn, "select has_table_privilege('credits_analyst', 'legacy.profiles', 'select')"
    )


def test_two_buckets_that_last_show_what_there_is_once(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.wallets"
        " (user_id uuid primary key, balance int, bonus_credits int, extra_credits int)"
    )
    conn.execute("insert into public.wallets values (%s, 10, 5, 1)", [systems.user(1)])
    plan = replace(inspect(conn, ["public"]).discovery.plan, undecided=())
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    (row,) = conn.execute(
        "select balance, bonus_credits, extra_credits from legacy.wallets"
    ).fetchall()
    assert tuple(row) == (16, 0, 0)


def test_a_total_shows_what_it_includes(conn: Conn, nobody: Nobody) -> None:
    conn.execute(
        "create table public.wallets (user_id uuid primary key, balance int, bonus_credits int,"
        " last_reset_at timestamptz default now());"
        "comment on column public.wallets.balance is 'All credits, including the bonus.';"
        f"insert into public.wallets values ('{systems.user(1)}', 10, 4)".encode()
    )
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    (row,) = conn.execute("select balance, bonus_credits from legacy.wallets").fetchall()
    assert tuple(row) == (10, 4)
    call(conn, "deduct_user_credits", systems.user(1), 7)
    (row,) = conn.execute("select balance, bonus_credits from legacy.wallets").fetchall()
    assert tuple(row) == (3, 3)


@pytest.mark.parametrize("shape", systems.NAMES)
def test_every_shape_has_its_names(conn: Conn, nobody: Nobody, shape: str) -> None:
    systems.load(conn, shape, dirty=False)
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)

    made = install(conn, plan, "legacy")

    assert made
    for one in made:
        if "(" not in one.name:
            there = asked(conn, f"select count(*) from public.{one.name.split('.')[1]}")
            assert asked(conn, f"select count(*) from {one.name}") >= there


def test_it_is_for_the_applications_of_this_installation(moved: Conn, database: Database) -> None:
    ours = [f"compat_{role}" for role in ROLES]
    try:
        deploy.migrate(database.dsn, role_prefix="compat_")

        install(moved, inspect(moved, ["public"]).discovery.plan, "legacy")

        for privilege in (
            "has_schema_privilege('compat_credits_app', 'legacy', 'usage')",
            "has_function_privilege('compat_credits_app',"
            " 'legacy.add_purchased_credits(uuid, integer)', 'execute')",
            "has_table_privilege('compat_credits_app', 'legacy.user_credits', 'select')",
        ):
            assert asked(moved, f"select {privilege}"), privilege
    finally:
        moved.execute(f"drop owned by {', '.join(ours)}; drop role {', '.join(ours)}".encode())
