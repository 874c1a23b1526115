from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from command_line.adopt import systems
from pgcredits.adopt.errors import PlanError
from pgcredits.adopt.inspect.faults import Severity
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.inspect.showing import as_json, to_html
from pgcredits.adopt.plan.drafting import draft
from pgcredits.adopt.source import vocabulary

if TYPE_CHECKING:
    import psycopg

    from pgcredits.adopt.inspect.inspection import Inspection
    from support.databases import Database


def inspected(conn: psycopg.Connection[Any], shape: str, *, dirty: bool) -> Inspection:
    systems.load(conn, shape, dirty=dirty)
    return inspect(conn, ["public"])


def numbers(found: Inspection) -> set[str]:
    return {fault.number for fault in found.faults}


def fault(found: Inspection, title: str) -> tuple[str, int | None, int | None]:
    """Its number, rows and credits."""
    (one,) = (fault for fault in found.faults if fault.title == title)
    return one.number, one.rows, one.credits


def of_data(found: Inspection) -> list[str]:
    """The titles of what rows show."""
    return [fault.title for fault in found.faults if fault.rows is not None]


SHAPES = {
    "photo_platform": "buckets on one row, with a log of what was used",
    "single_column": "a balance on the user's row, without history",
    "running_ledger": "a ledger of signed steps with the balance after each",
    "typed_amounts": "a balance, with typed amounts as its history",
    "credit_debit": "entries of credit and debit, whose sum is the balance",
}
ROLES = {
    "photo_platform": {
        "user_credits": "balances",
        "credit_transactions": "history",
        "enhancement_tasks": "tasks",
        "credit_refunds": "refunds",
        "refund_audit_log": "refunds",
    },
    "single_column": {"profiles": "balances"},
    "running_ledger": {"accounts": "balances", "credit_ledger": "history"},
    "typed_amounts": {
        "credit_balances": "balances",
        "credit_transactions": "history",
        "jobs": "tasks",
    },
}


@pytest.mark.parametrize("shape", systems.NAMES)
def test_it_says_which_shape_it_sees(conn: psycopg.Connection[Any], shape: str) -> None:
    found = inspected(conn, shape, dirty=True).discovery

    assert found.shape == SHAPES[shape]
    if shape in ROLES:
        assert {one.table.removeprefix("public."): one.role for one in found.recognised} == ROLES[
            shape
        ]
    assert all(50 < one.sure_pct < 100 and one.because for one in found.recognised)


@pytest.mark.parametrize("shape", systems.NAMES)
def test_clean_rows_show_no_fault(conn: psycopg.Connection[Any], shape: str) -> None:
    found = inspected(conn, shape, dirty=False)

    assert of_data(found) == []
    assert found.owed == ()


def test_every_fault_that_can_be_seen_is_found(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "photo_platform", dirty=True)

    # L17 is a query that somebody runs by hand: what it asks is in `owed`.
    assert numbers(found) - {"-"} == {f"L{n}" for n in range(1, 21) if n != 17}


def test_faults_of_the_photo_platforms_functions(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "photo_platform", dirty=False)

    by_function: dict[str, set[str]] = {}
    for one in found.faults:
        name = one.where.removeprefix("public.").split("(")[0]
        if one.rows is None and "," not in one.where.split("(")[0]:
            by_function.setdefault(name, set()).add(one.number)
    assert by_function["consume_user_credits"] == {"L1", "L4", "L8", "L11", "L14", "L20"}
    assert by_function["refund_user_credits"] >= {"L3", "L4", "L5", "L14", "L20"}
    assert by_function["process_credit_refund"] == {"L1", "L4", "L5", "L14", "L15", "L20"}
    assert by_function["add_purchased_credits"] == {"L4", "L13", "L14", "L20"}
    assert by_function["update_user_credits"] == {"L4", "L11", "L13", "L14", "L15", "L20"}
    assert by_function["reset_monthly_subscription_benefits"] == {"L2", "L4", "L20"}
    assert by_function["success_rate"] == {"L7", "L16"}
    assert "check_refund_eligibility" not in by_function
    (ways,) = (one for one in found.faults if "ways to refund" in one.title)
    assert ways.title.startswith("3 ways")
    assert "auto_refund_on_failure()" in ways.where


def test_faults_of_the_photo_platforms_rows(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "photo_platform", dirty=True)

    assert fault(found, "negative balances") == ("L1", 1, 5)
    assert fault(found, "balances of nobody") == ("-", 1, 9)
    assert fault(found, "monthly credits older than a month") == ("L19", 1, 8)
    assert fault(found, "refunds with the wrong sign") == ("L6", 2, 7)
    assert fault(found, "refunds that name nothing") == ("L3", 1, 5)
    assert fault(found, "users charged for failed work") == ("L9", 5, 52)
    assert fault(found, "refunds of less than was charged") == ("L12", 1, 19)
    assert fault(found, "refunded twice") == ("L3", 1, 2)
    assert fault(found, "refunded, and delivered") == ("L18", 1, 3)
    assert fault(found, "delivered without a charge") == ("L10", 1, None)
    assert fault(found, "work that never ended") == ("L9", 1, 6)


def test_who_is_owed_and_nobody_who_was_refunded(conn: psycopg.Connection[Any]) -> None:
    """L17: the audit lists those who still need it, whoever noted the refund, and how."""
    found = inspected(conn, "photo_platform", dirty=True)

    assert [
        (one.user_id, one.tasks, one.charged, one.refunded, one.owed) for one in found.owed
    ] == [
        (systems.user(2), 2, 20, 0, 20),
        (systems.user(4), 1, 20, 1, 19),
        (systems.user(6), 1, 7, 0, 7),
        (systems.user(9), 1, 6, 0, 6),
    ]


def test_faults_of_the_other_shapes(
    conn: psycopg.Connection[Any], blank_database: Database
) -> None:
    ledger = inspected(conn, "running_ledger", dirty=True)
    assert fault(ledger, "balances that do not match the history") == ("L1", 2, 15)
    assert fault(ledger, "steps that do not lead to the balance after") == ("L1", 1, None)
    assert fault(ledger, "refunds with the wrong sign") == ("L6", 1, 10)
    assert fault(ledger, "payments that were granted twice") == ("L13", 1, 20)

    with blank_database.connect() as other:
        typed = inspected(other, "typed_amounts", dirty=True)
        assert fault(typed, "balances that do not match the history") == ("L1", 2, 140)
        assert fault(typed, "charges of either sign") == ("L14", 1, 50)
        assert [(one.user_id, one.owed) for one in typed.owed] == [(systems.user(2), 5)]
        assert typed.discovery.unread == (("public.jobs", "state", "odd"),)


def test_single_faults_of_the_smallest_shapes(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "single_column", dirty=True)

    assert numbers(found) == {"L1", "L4", "L8", "L14", "L20"}
    assert fault(found, "negative balances") == ("L1", 1, 3)


def test_what_nothing_uses(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "photo_platform", dirty=True)

    assert Counter(one.what for one in found.leftovers) == {"function": 1, "table": 5}
    assert {one.name for one in found.leftovers} == {
        "public.consume_platform_credits(character varying, integer, numeric)",
        "public.credit_pools",
        "public.credit_purchase_requests",
        "public.platform_credits",
        "public.daily_usage_summary",
        "public.credit_alerts",
    }


def test_what_somebody_uses_is_not_among_it(conn: psycopg.Connection[Any]) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute("create view public.pools as select * from public.credit_pools")

    found = inspect(conn, ["public"])

    assert "public.credit_pools" not in {one.name for one in found.leftovers}


def test_our_own_schemas_have_none(conn: psycopg.Connection[Any]) -> None:
    found = inspect(
        conn, ["credits", "credits_internal", "credits_monitoring", "credits_deploy"], ours=True
    )

    assert found.faults == ()
    assert found.leftovers == ()


def test_what_was_mended_is_not_found(conn: psycopg.Connection[Any]) -> None:
    """A fault that was mended is no longer found, so that inspect can run in CI."""
    conn.execute(
        """
        create table public.user_credits (user_id uuid primary key, credits int not null);
        create function public.spend_credits(p_user_id uuid, p_credits int) returns int
        language plpgsql security definer set search_path = pg_catalog
        as $$
        declare
            v_credits int;
        begin
            if p_credits <= 0 then
                raise exception 'no';
            end if;
            select c.credits into v_credits
            from public.user_credits as c where c.user_id = p_user_id for update;
            if not found or v_credits < p_credits then
                raise exception 'Insufficient credits';
            end if;
            update public.user_credits set credits = credits - p_credits
            where user_id = p_user_id;
            return v_credits - p_credits;
        end
        $$;
        revoke all on function public.spend_credits from public;
        """
    )

    assert inspect(conn, ["public"]).faults == ()


def test_tables_that_all_may_write(conn: psycopg.Connection[Any]) -> None:
    systems.load(conn, "single_column", dirty=False)
    conn.execute("grant update on public.profiles to public")
    assert fault(inspect(conn, ["public"]), "anyone may write this table")[0] == "L4"

    conn.execute("alter table public.profiles enable row level security")
    assert "anyone may write this table" not in [
        one.title for one in inspect(conn, ["public"]).faults
    ]


def test_it_can_change_nothing_and_leaves_the_session_as_it_was(
    conn: psycopg.Connection[Any],
) -> None:
    systems.load(conn, "photo_platform", dirty=True)
    conn.execute("set jit = on")
    conn.execute("set default_transaction_read_only = on")
    conn.execute("set time zone 'Asia/Tokyo'")

    assert inspect(conn, ["public"]).errors

    row = conn.execute(
        "select current_setting('jit') as jit, current_setting('timezone') as zone"
    ).fetchone()
    assert row == ("on", "Asia/Tokyo")


def test_tables_of_other_names(conn: psycopg.Connection[Any]) -> None:
    """A wallet, its events, and jobs: what was paid back is seen."""
    conn.execute(
        "create table wallets (id int primary key, owner uuid unique, credits int,"
        " bonus_credits int);"
        "create table wallet_events (id int primary key, wallet_owner uuid, kind text, qty int,"
        " job_id text, created_at timestamptz);"
        "create table jobs (id int primary key, owner uuid, state text, price_credits int,"
        " created_at timestamptz)"
    )
    conn.execute(
        "insert into wallets values (1, md5('1')::uuid, 5, 0);"
        "insert into jobs values (1, md5('1')::uuid, 'failed', 7, now()),"
        " (2, md5('1')::uuid, 'failed', 8, now());"
        "insert into wallet_events values (1, md5('1')::uuid, 'spend', -7, '1', now()),"
        " (2, md5('1')::uuid, 'spend', -8, '2', now()),"
        " (3, md5('1')::uuid, 'payback', 7, '1', now())"
    )

    found = inspect(conn, ["public"])

    assert {one.table: one.role for one in found.discovery.recognised} == {
        "public.wallets": "balances",
        "public.wallet_events": "history",
        "public.jobs": "tasks",
    }
    assert [one.owed for one in found.owed] == [8]
    assert found.discovery.aside == ()


def test_what_was_left_aside_is_said(conn: psycopg.Connection[Any]) -> None:
    """Tables that were left aside are named, since refunds may be recorded there."""
    conn.execute(
        "create table wallets (id int primary key, owner uuid unique, credits int);"
        "create table happenings (id int primary key, owner uuid, amount int, what text);"
        "create table addresses (id int primary key, owner uuid, floor int);"
        "create table jobs (id int primary key, owner uuid, state text, price_credits int)"
    )
    conn.execute(f"insert into jobs values (1, '{systems.user(1)}', 'failed', 7)".encode())

    found = inspect(conn, ["public"])

    assert found.discovery.aside == (("public.happenings", ("owner", "amount")),)
    assert "Left aside: public.happenings (owner, amount)" in draft(found.discovery)
    assert "happenings (owner, amount)" in to_html(found)
    (fault,) = [one for one in found.faults if "nothing says what was refunded" in one.title]
    assert (fault.severity, fault.detail) == (Severity.WARNING, "left aside: public.happenings")


def test_triggers_that_will_fail_are_said(conn: psycopg.Connection[Any]) -> None:
    """A trigger gives new users their row: if it fails, nobody can sign up."""
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute(
        "create function public.welcome() returns trigger language plpgsql as $$ begin"
        " insert into public.user_credits (user_id) values (new.id); return new; end $$"
    )
    conn.execute(
        "create trigger welcome after insert on auth.users"
        " for each row execute function public.welcome()"
    )

    found = inspect(conn, ["public"])

    # Others are triggers of tables that are closed themselves.
    assert found.discovery.failing == (("public.welcome()", "auth.users"),)
    assert "public.welcome() will fail" in draft(found.discovery)
    assert "public.welcome() will fail" in to_html(found)


def test_a_database_without_credits(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        conn.execute("create table public.notes (id int primary key, body text)")

        found = inspect(conn, ["public"])

    assert found.discovery.shape == "no credit system that we know"
    assert (found.faults, found.owed, found.discovery.recognised) == ((), (), ())


@pytest.mark.parametrize("schema", ["nowhere", "credits", "pg_catalog", "information_schema"])
def test_schemas_that_are_not_an_applications(conn: psycopg.Connection[Any], schema: str) -> None:
    with pytest.raises(PlanError, match=schema):
        inspect(conn, [schema])


def test_the_worst_comes_first(conn: psycopg.Connection[Any]) -> None:
    found = inspected(conn, "photo_platform", dirty=True)

    severities = [one.severity for one in found.faults]
    assert severities == sorted(severities, key=list(Severity).index)
    assert found.errors == severities.count(Severity.ERROR)


def test_a_shop_is_no_work(conn: psycopg.Connection[Any]) -> None:
    """An order whose payment failed or was paid back: nobody is owed credits for it."""
    conn.execute("create table wallets (user_id uuid primary key, credits int)")
    for name in ("orders", "subscriptions", "credit_purchases", "refund_requests"):
        conn.execute(
            f"create table {name} (id int primary key, user_id uuid, status text, price int,"
            " credits int, created_at timestamptz)".encode()
        )
        conn.execute(
            f"insert into {name} values (1, '{systems.user(1)}', 'failed', 29, 100)".encode()
        )
    conn.execute(
        "create table jobs (id int primary key, user_id uuid, status text, price numeric);"
        "create table job_orders (id int primary key, user_id uuid, status text, credits int)"
    )

    found = inspect(conn, ["public"])

    assert {one.table: one.role for one in found.discovery.recognised} == {
        "public.wallets": "balances",
        "public.job_orders": "tasks",
        # What was bought came, where it was paid.
        "public.credit_purchases": "history",
    }
    assert found.owed == ()
    # What work cost may be in credits: a person has to say.
    assert ("public.jobs", ("user_id", "price")) in found.discovery.aside


@pytest.mark.parametrize("word", ["active", "expired"])
def test_words_of_a_status_that_may_mean_either(word: str) -> None:
    assert vocabulary.status_of(word) == vocabulary.UNKNOWN


def test_names_as_an_object_mapper_writes_them(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        'create table "UserCredits" (id int primary key, "userId" uuid unique, balance int);'
        'create table "CreditTransaction" (id int primary key, "userId" uuid, type text,'
        ' amount int, "createdAt" timestamptz);'
        'create table "ImageJob" (id int primary key, "ownerId" uuid, status text,'
        ' "creditsUsed" int, "finishedAt" timestamptz, "externalId" text)'
    )

    found = inspect(conn, ["public"]).discovery

    assert {one.table: one.role for one in found.recognised} == {
        "public.UserCredits": "balances",
        "public.CreditTransaction": "history",
        "public.ImageJob": "tasks",
    }
    (tasks,) = found.plan.tasks
    assert (tasks.credits, tasks.finished, tasks.task_ids) == (
        "creditsUsed",
        ("finishedAt",),
        ("externalId",),
    )


def test_a_table_without_a_key_is_not_passed_over_in_silence(
    conn: psycopg.Connection[Any],
) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, credits int);"
        "create table credit_log (user_id uuid, kind text, amount int, created_at timestamptz)"
    )

    found = inspect(conn, ["public"])

    said = "public.credit_log (user_id, amount): no single column tells its rows apart"
    assert found.discovery.asides == [said]
    assert said in draft(found.discovery)
    assert said in to_html(found)
    assert as_json(found)["left_aside"] == [
        {"table": "public.credit_log", "columns": ["user_id", "amount"], "has_key": False}
    ]


def test_names_cannot_write_into_a_plan(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "create table wallets (user_id uuid primary key, credits int);"
        "create table \"x\nnegatives = 'stop'\n#\x1b[2J\""
        " (id int primary key, user_id uuid, amount int)"
    )

    text = draft(inspect(conn, ["public"]).discovery)

    assert tomlkit.parse(text).unwrap().get("negatives") != "stop"
    assert "\x1b" not in text


def test_schemas_with_a_dot(conn: psycopg.Connection[Any]) -> None:
    conn.execute('create schema "my.app"')

    with pytest.raises(PlanError, match="dot in its name"):
        inspect(conn, ["my.app"])


def test_what_is_used_from_afar_is_used(conn: psycopg.Connection[Any]) -> None:
    """A use counts in other letter case, from another schema, or by a function called elsewhere."""
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute("create schema other")
    conn.execute(
        "create function other.warn() returns void language plpgsql as"
        " $$ begin INSERT INTO PUBLIC.CREDIT_ALERTS (ID) VALUES (null); end $$;"
        "create function other.pay() returns void language plpgsql as $$ begin"
        " perform public.consume_platform_credits('x', 1, 0); end $$;"
        "create view other.days as select * from public.daily_usage_summary;"
        "create table other.invoices (provider text references public.platform_credits);"
        "create table other.part () inherits (public.api_providers)"
    )

    found = inspect(conn, ["public"])

    # consume_platform_credits writes credit_pools, and other tables lean on that.
    assert {one.name for one in found.leftovers} == {"public.credit_purchase_requests"}


def test_what_only_a_remark_names_is_unused(conn: psycopg.Connection[Any]) -> None:
    systems.load(conn, "photo_platform", dirty=False)
    conn.execute(
        "create function public.other() returns text language sql as"
        " $$ /* no credit_alerts any more */ select '--' -- nor credit_pools\n$$"
    )

    found = {one.name for one in inspect(conn, ["public"]).leftovers}

    assert found >= {"public.credit_alerts", "public.credit_pools"}


GUARD = "if p_amount <= 0 then raise exception 'x'; end if;"
CHECK = "if v is null or v < p_amount then raise exception 'no'; end if;"
READ = "select current_balance into v from user_credits where user_id = p_user;"
TAKE = "update user_credits set current_balance = current_balance - p_amount where user_id = p_user"
JUDGED = f"{TAKE} and current_balance >= p_amount returning current_balance into strict v;"
TABLES = """
create table user_credits (
    user_id uuid primary key, current_balance int not null, used int default 0
);
create table credit_log (
    id bigint generated always as identity primary key, user_id uuid, type text, amount int,
    reference_id text unique, created_at timestamptz default clock_timestamp()
);
create schema auth;
create function auth.uid() returns uuid language sql as $$ select null::uuid $$;
create schema private;
"""


@pytest.fixture
def app(blank_database: Database) -> psycopg.Connection[Any]:
    conn = blank_database.connect()
    conn.execute(TABLES.encode())
    return conn


def numbers_of(
    conn: psycopg.Connection[Any],
    body: str,
    *,
    name: str = "spend_credits",
    arguments: str = "p_user uuid, p_amount int",
    options: str = "security definer set search_path = public",
    grants: bool = False,
) -> set[str]:
    """The faults of a function with this body; otherwise nobody may call it but the application."""
    conn.execute(
        f"create function {name}({arguments}) returns int language plpgsql {options}"
        f" as $f$ declare v int; begin {body} return v; end $f$".encode()
    )
    if not grants:
        conn.execute(f"revoke all on function {name} from public".encode())
    conn.execute(f"grant execute on function {name} to pg_monitor".encode())
    return numbers(inspect(conn, ["public", "private"]))


@pytest.mark.parametrize(
    "body",
    [
        f"{GUARD} {TAKE} and current_balance >= p_amount; if not found then raise exception 'no';"
        f" end if; {READ}",
        f"{GUARD} {TAKE}; {READ}",
        f"{GUARD} {READ} {JUDGED}",
        f"{GUARD} /* exception when others then null; */ {JUDGED}",
        f"{GUARD} perform 1 from user_credits where user_id = p_user for update; {READ} {CHECK}"
        f" {TAKE};",
        f"{GUARD} perform pg_advisory_xact_lock(hashtext(p_user::text)); {READ} {CHECK} {TAKE};",
        f"{GUARD} update user_credits set"
        " current_balance = greatest(0, current_balance - p_amount), used = used + 1"
        " where user_id = p_user; perform 'every month';",
        f"if coalesce(p_amount, 0) <= 0 then raise exception 'x'; end if; {JUDGED}",
        "if p_amount is null or p_amount not between 1 and 1000 then raise exception 'x'; end if;"
        f" {JUDGED}",
        f"if 1 > p_amount then raise exception 'x'; end if; {JUDGED}",
        f"{GUARD} {JUDGED} return v; exception when others then if p_amount > 5 then v := 1;"
        " end if; raise;",
    ],
)
def test_sound_code_shows_no_fault(app: psycopg.Connection[Any], body: str) -> None:
    assert numbers_of(app, body) == set()


def test_refunds_and_payments_that_name_one_show_no_fault(app: psycopg.Connection[Any]) -> None:
    refund = (
        "insert into credit_log (user_id, type, amount, reference_id) select user_id, 'refund',"
        " amount, 'refund:' || p_job_id from credit_log where reference_id = p_job_id returning"
        " amount into strict v; update user_credits set current_balance = current_balance + v"
        " where user_id = p_user;"
    )
    payment = f"{GUARD} update user_credits set current_balance = current_balance + p_amount;"

    assert numbers_of(app, refund, name="refund_job", arguments="p_user uuid, p_job_id text") == (
        set()
    )
    assert numbers_of(
        app, payment, name="purchase", arguments="p_user uuid, p_amount int, p_order_id text"
    ) == (set())


def test_triggers_that_keep_a_balance_are_no_refunds(app: psycopg.Connection[Any]) -> None:
    for name in ("first", "second"):
        app.execute(
            f"create function {name}() returns trigger language plpgsql as $$ begin"
            " update user_credits set current_balance = current_balance + new.amount"
            f" where user_id = new.user_id; return new; end $$; create trigger {name} after insert"
            f" on credit_log for each row execute function {name}()".encode()
        )

    assert inspect(app, ["public"]).faults == ()


def test_who_can_call_it_to_move_whose_credits(app: psycopg.Connection[Any]) -> None:
    give = "update public.user_credits set current_balance = current_balance + 1"

    def is_open(name: str, body: str, **options: Any) -> bool:
        found = "L4" in numbers_of(app, body, name=name, arguments="p_amount int", **options)
        app.execute(f"drop function {name}".encode())
        return found

    spend = f"{GUARD} {JUDGED}".replace("p_user", "auth.uid()")
    assert is_open("f", f"{give};", grants=True)
    assert not is_open("f", f"{give};")
    # Nobody may use the schema.
    assert not is_open("private.f", f"{give};", grants=True)
    app.execute("grant usage on schema private to public")
    assert is_open("private.f", f"{give};", grants=True)
    # Callers can only take their own credits away.
    assert not is_open("f", spend, grants=True)
    assert is_open("f", f"{give} where user_id = auth.uid();", grants=True)
    # The function runs by the rights of its caller, who has none on the table.
    assert not is_open("f", f"{give};", grants=True, options="")
    app.execute("grant update on user_credits to public")
    assert is_open("f", f"{give};", grants=True, options="")


def test_an_open_door_before_a_closed_one(app: psycopg.Connection[Any]) -> None:
    give = "update user_credits set current_balance = current_balance + p_amount;"
    numbers_of(app, f"{GUARD} {give}", name="mint")

    assert "L4" in numbers_of(app, "v := mint(p_user, p_amount);", name="door", grants=True)


BAD = (
    f"{READ} if v < p_amount then raise exception 'no'; end if; update user_credits"
    " set current_balance = v - p_amount where user_id = p_user;"
)


@pytest.mark.parametrize(
    "body",
    [
        BAD,
        BAD.replace("user_credits", '"public"."user_credits"').replace(
            "current_balance", '"current_balance"'
        ),
        BAD.upper(),
        BAD.replace("select current_balance", "select *"),
        BAD.replace("v - p_amount", "coalesce(v, 0) - p_amount"),
        f"raise notice '-- spends'; {BAD}",
        f"{BAD} perform 1 from user_credits for update;",
    ],
)
def test_a_race_is_seen_however_it_is_written(app: psycopg.Connection[Any], body: str) -> None:
    assert numbers_of(app, body) >= {"L1", "L14"}


@pytest.mark.parametrize(
    "body",
    [
        "update user_credits set current_balance = coalesce(current_balance, 0) + p_refund_amount;",
        "insert into user_credits (user_id, current_balance) values (p_user, p_refund_amount) on"
        " conflict (user_id) do update set current_balance = user_credits.current_balance +"
        " p_refund_amount;",
        "execute format('update %I set current_balance = current_balance + $1',"
        " 'user_credits') using 0 + p_refund_amount;",
    ],
)
def test_a_refund_is_seen_however_it_is_written(app: psycopg.Connection[Any], body: str) -> None:
    found = numbers_of(
        app, body, name="refund_credits", arguments="p_user uuid, p_refund_amount int", grants=True
    )

    assert found >= {"L3", "L4", "L14"}


def test_an_amount_names_no_charge(app: psycopg.Connection[Any]) -> None:
    body = "update user_credits set current_balance = current_balance + p_charge_credits;"

    assert "L3" in numbers_of(
        app, body, name="refund_credits", arguments="p_user uuid, p_charge_credits int"
    )


def test_functions_of_sql_are_read_too(app: psycopg.Connection[Any]) -> None:
    app.execute(
        "create function add_credits(p_user uuid, p_amount int) returns void language sql"
        " security definer begin atomic update user_credits set current_balance ="
        " current_balance + p_amount where user_id = p_user; end"
    )
    assert numbers(inspect(app, ["public"])) == {"L4", "L13", "L14", "L20"}

    app.execute("drop function add_credits")
    app.execute(
        "create procedure add_credits(uuid, int) language sql security definer as"
        " $$ update user_credits set current_balance = current_balance + $2 where user_id = $1 $$"
    )
    assert numbers(inspect(app, ["public"])) == {"L4", "L13", "L14", "L20"}


def test_doors_beside_a_tables_own(conn: psycopg.Connection[Any]) -> None:
    def titles() -> list[str]:
        return [one.title for one in inspect(conn, ["public"]).faults]

    conn.execute("create table wallets (user_id uuid primary key, credits int)")
    conn.execute("grant update (credits) on wallets to public")
    assert titles() == ["anyone may write this table"]

    conn.execute("alter table wallets enable row level security")
    assert titles() == []
    conn.execute("create policy own on wallets for update using (user_id = gen_random_uuid())")
    assert titles() == []
    conn.execute("create policy all_of_them on wallets for update using (true)")
    assert titles() == ["anyone may write this table"]

    conn.execute("drop policy all_of_them on wallets")
    conn.execute("create view mine as select * from wallets; grant update on mine to public")
    assert titles() == ["anyone may write through this view"]
    conn.execute("alter view mine set (security_invoker = true)")
    assert titles() == []


LEDGER = """
create table user_credits (user_id uuid primary key, balance int);
create table credit_ledger (
    id {key} primary key, user_id uuid, delta int, balance_after int, reason text,
    created_at timestamptz
);
"""
STEPS = "insert into credit_ledger (user_id, delta, balance_after, reason, created_at) values "


@pytest.mark.parametrize(
    "key", ["bigint generated always as identity", "uuid default gen_random_uuid()"]
)
def test_steps_in_whatever_order_they_are_found(blank_database: Database, key: str) -> None:
    """now() is when a transaction began, and random keys have no order."""
    with blank_database.connect() as conn:
        conn.execute(LEDGER.format(key=key).encode())
        for n in range(20):
            conn.execute("insert into user_credits values (%s, 7)", [systems.user(n)])
            conn.execute(
                f"{STEPS} ('{systems.user(n)}', 10, 10, 'grant', '2026-01-01'),"
                f" ('{systems.user(n)}', -3, 7, 'charge', '2026-01-01')".encode()
            )
        # The last row brings the balance back to where it began.
        conn.execute(
            f"{STEPS} ('{systems.user(30)}', 5, 5, 'grant', '2026-01-01'),"
            f" ('{systems.user(30)}', -5, 0, 'charge', '2026-01-02')".encode()
        )
        assert inspect(conn, ["public"]).faults == ()

        conn.execute(
            f"{STEPS} ('{systems.user(1)}', -2, 5, 'charge', '2026-01-02'),"
            f" ('{systems.user(1)}', -1, 6, 'charge', '2026-01-03')".encode()
        )

        found = inspect(conn, ["public"])
        assert fault(found, "steps that do not lead to the balance after") == ("L1", 1, None)
        assert fault(found, "balances that do not match the history") == ("L1", 1, 1)


def test_locks_are_taken_in_the_order_of_numbers(blank_database: Database) -> None:
    with blank_database.connect() as conn:
        conn.execute(LEDGER.format(key="bigint generated always as identity").encode())
        conn.execute("insert into user_credits values (%s, 7)", [systems.user(1)])
        conn.execute(
            f"{STEPS} ('{systems.user(1)}', 10, 10, 'grant', '2026-01-01'),"
            f" ('{systems.user(1)}', -1, 9, 'charge', '2026-01-02 00:00:02'),"
            f" ('{systems.user(1)}', -2, 7, 'charge', '2026-01-02 00:00:01')".encode()
        )

        assert inspect(conn, ["public"]).faults == ()


def log_of(conn: psycopg.Connection[Any], rows: str) -> Inspection:
    conn.execute(
        "create table user_credits (user_id uuid primary key, balance int);"
        "create table credit_transactions (id bigint generated always as identity primary key,"
        " user_id uuid, type text, amount int, reference_id text, created_at timestamptz);"
        f"insert into user_credits values ('{systems.user(1)}', 15);"
        "insert into credit_transactions (user_id, type, amount, reference_id)"
        f" select '{systems.user(1)}', t.* from (values {rows}) as t".encode()
    )
    return inspect(conn, ["public"])


def test_refunded_twice_where_only_a_history_knows(conn: psycopg.Connection[Any]) -> None:
    found = log_of(
        conn,
        "('purchase', 10, 'p1'), ('usage', -5, 'j1'), ('refund', 5, 'j1'), ('refund', 5, 'j1'),"
        # j2 was refunded in two parts; the charge of j3 is missing.
        " ('usage', -4, 'j2'), ('refund', 3, 'j2'), ('refund', 1, 'j2'), ('refund', 0, 'j3')",
    )

    assert fault(found, "refunded twice") == ("L3", 1, 5)
    assert len(found.faults) == 1


def test_a_word_that_nobody_knows_may_explain_the_balance(conn: psycopg.Connection[Any]) -> None:
    found = log_of(conn, "('purchase', 10, 'p1'), ('usage', 3, 'j1'), ('loyalty', 8, '')")

    assert found.discovery.unread == (("public.credit_transactions", "type", "loyalty"),)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("numeric", "NaN"),
        ("float8", "-Infinity"),
        ("numeric", "1e30"),
        ("bigint", "9223372036854775807"),
    ],
)
def test_what_is_no_amount_is_named(conn: psycopg.Connection[Any], type_: str, value: str) -> None:
    conn.execute(
        f"create table user_credits (user_id uuid primary key, balance {type_});"
        f"insert into user_credits values ('{systems.user(1)}', '{value}')".encode()
    )

    with pytest.raises(PlanError, match=r"user_credits: balance is .* in 1 rows"):
        inspect(conn, ["public"])
