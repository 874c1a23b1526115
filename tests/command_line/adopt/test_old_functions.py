"""Functions under their old names return what their callers read, and do what their words say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from msgspec.structs import replace

from command_line.adopt import systems
from command_line.adopt.older import planned
from pgcredits.adopt.compat.installing import install
from pgcredits.adopt.inspect.inspection import inspect
from pgcredits.adopt.move.proving import prove
from pgcredits.adopt.move.running import run
from support.api import call, new_user, refused, rows

if TYPE_CHECKING:
    from pathlib import Path

    from command_line.adopt.systems import Nobody

Conn = psycopg.Connection[Any]
ME = systems.user(1)

#: One function adds for all reasons, into the bucket that it is told.
BUCKETS = """
create table wallets (
    user_id uuid primary key, plan_credits integer not null default 0,
    topup_credits integer not null default 0
);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, type text not null,
    amount integer not null, reference_id uuid, created_at timestamptz default now()
);
create function add_credits(
    _user_id uuid, _amount integer, _bucket text, _type text, _reference_id uuid default null
)
returns table (plan_credits integer, topup_credits integer, balance integer)
language plpgsql as $$
#variable_conflict use_column
begin
    update wallets as w set
        plan_credits = w.plan_credits + case _bucket when 'plan' then _amount else 0 end,
        topup_credits = w.topup_credits + case _bucket when 'topup' then _amount else 0 end
    where w.user_id = _user_id;
    insert into credit_transactions (user_id, type, amount, reference_id)
    values (_user_id, _type, _amount, _reference_id);
    return query
    select w.plan_credits, w.topup_credits, w.plan_credits + w.topup_credits
    from wallets as w where w.user_id = _user_id;
end $$;
create function spend_credits(_user_id uuid, _amount integer, _reference_id uuid, _type text)
returns table (
    success boolean, plan_left integer, topup_left integer, total_consumed integer, error text
)
language plpgsql as $$
declare
    v_plan integer;
    v_topup integer;
    v_take integer;
begin
    select w.plan_credits, w.topup_credits into v_plan, v_topup
    from wallets as w where w.user_id = _user_id for update;
    if v_plan + v_topup < _amount then
        return query select false, v_plan, v_topup, 0, 'not enough, buy more'::text;
        return;
    end if;
    v_take := least(v_plan, _amount);
    update wallets as w set
        plan_credits = w.plan_credits - v_take, topup_credits = w.topup_credits - (_amount - v_take)
    where w.user_id = _user_id
    returning w.plan_credits, w.topup_credits into v_plan, v_topup;
    insert into credit_transactions (user_id, type, amount, reference_id)
    values (_user_id, _type, -_amount, _reference_id);
    return query select true, v_plan, v_topup, _amount, null::text;
end $$;
insert into wallets values ('00000000-0000-0000-0000-000000000001', 0, 0);
select add_credits('00000000-0000-0000-0000-000000000001', 10, 'plan', 'plan_grant');
select add_credits('00000000-0000-0000-0000-000000000001', 20, 'topup', 'topup_purchase');
"""


def move(conn: Conn, nobody: Nobody, system: str) -> dict[str, str]:
    """Move a system, and make its old names; returns what each does."""
    conn.execute(system.encode())
    plan = inspect(conn, ["public"]).discovery.plan
    run(conn, plan, nobody)
    assert prove(conn, plan).differences == ()
    return {one.name: one.does for one in install(conn, plan, "legacy")}


def asked(conn: Conn, query: str, *arguments: Any) -> tuple[Any, ...]:
    (row,) = conn.execute(query.encode(), arguments).fetchall()
    return tuple(row)


def latest(conn: Conn) -> Any:
    return rows(conn, "get_user_transactions", ME, p_limit=1)[0]


def test_one_function_that_adds_for_all_reasons(conn: Conn, nobody: Nobody, tmp_path: Path) -> None:
    conn.execute(BUCKETS)
    plan = planned(conn, tmp_path)
    run(conn, plan, nobody)
    assert prove(conn, plan).differences == ()
    made = {one.name: one.does for one in install(conn, plan, "legacy")}
    add = "select * from legacy.add_credits(%s, %s, %s, %s, %s)"
    spend = "select * from legacy.spend_credits(%s, %s, %s, 'render')"
    assert made["legacy.add_credits(uuid, integer, text, text, uuid)"] == (
        "grants; charges or refunds where its word says so"
    )

    # The buckets stay buckets.
    assert asked(conn, add, ME, 5, "topup", "topup_purchase", None) == (10, 25, 35)
    assert (latest(conn).source, latest(conn).credits) == ("purchase", 5)
    assert asked(conn, add, ME, 4, "plan", "plan_grant", None) == (14, 25, 39)
    assert latest(conn).source == "allowance"
    with refused("PT422", "invalid_argument"):
        conn.execute(add.encode(), [ME, 4, "gems", "plan_grant", None])
    # A payment that is told twice counts once.
    payment = new_user()
    for _ in range(2):
        assert asked(conn, add, ME, 6, "topup", "topup_purchase", payment) == (14, 31, 45)

    # A refund names its charge, and never gives more than that took.
    job = new_user()
    before = asked(conn, "select balance from credits.get_user_credits(%s)", ME)[0]
    assert asked(conn, spend, ME, 12, job)[0] is True
    charge = latest(conn).transaction_id
    for part, left in ((5, before - 7), (4, before - 3), (9, before), (9, before)):
        shown = asked(conn, add, ME, part, "plan", "refund", job)
        assert (shown[2], shown[0] + shown[1]) == (left, left)
    refunds = [
        row for row in rows(conn, "get_user_transactions", ME) if row.transaction_type == "refund"
    ]
    assert [(row.credits, row.refund_of) for row in refunds] == [
        (3, charge), (4, charge), (5, charge),
    ]  # fmt: skip
    assert shown == (14, 31, 45)
    # A refund of nothing is nothing.
    assert asked(conn, add, ME, 50, "plan", "generation_refund", new_user())[2] == 45
    # It adds, unless an amount below 0 says otherwise.
    assert asked(conn, add, ME, -3, "plan", "usage", None)[2] == 42
    with refused("PT422", "invalid_argument"):
        conn.execute(add.encode(), [ME, -3, "plan", "purchase", None])


def test_a_charge_tells_what_its_callers_read(conn: Conn, nobody: Nobody) -> None:
    move(conn, nobody, BUCKETS)
    spend = "select * from legacy.spend_credits(%s, %s, %s, 'render')"

    found = asked(conn, spend, ME, 12, new_user())
    assert (found[0], found[1] + found[2], found[3:]) == (True, 18, (12, None))
    found = asked(conn, spend, ME, 19, new_user())
    assert (found[0], found[1] + found[2], found[3:]) == (False, 18, (0, "not enough, buy more"))


ONE = """
create table user_credits (
    user_id uuid primary key, nickname text, balance integer not null default 0,
    lifetime_consumed integer not null default 0
);
create table credit_transactions (
    id uuid primary key default gen_random_uuid(), user_id uuid not null, type text not null,
    amount integer not null, created_at timestamptz default now()
);
insert into user_credits values ('00000000-0000-0000-0000-000000000001', 'gold', 60, 40);
insert into credit_transactions (user_id, type, amount) values
('00000000-0000-0000-0000-000000000001', 'purchase', 100),
('00000000-0000-0000-0000-000000000001', 'usage', -40);
"""
OBJECT = """
create function deduct_credits(p_user_id uuid, p_amount integer, p_ref text default null)
returns jsonb language plpgsql as $$
declare
    v_old integer;
    v_row user_credits;
    v_id uuid;
begin
    update user_credits as c
    set balance = c.balance - p_amount, lifetime_consumed = c.lifetime_consumed + p_amount
    where c.user_id = p_user_id and c.balance >= p_amount returning * into v_row;
    if not found then
        return jsonb_build_object(
            'success', false, 'code', 402, 'error', 'Not enough credits', 'required', p_amount,
            'available', (select c.balance from user_credits as c where c.user_id = p_user_id)
        );
    end if;
    insert into credit_transactions (user_id, type, amount) values (p_user_id, 'usage', -p_amount)
    returning id into v_id;
    return jsonb_build_object(
        'success', true, 'transactionId', v_id, 'newBalance', v_row.balance,
        'previous_balance', v_row.balance + p_amount, 'total_consumed', v_row.lifetime_consumed,
        'nickname', v_row.nickname, 'creditsUsed', p_amount, 'at', now(),
        'shard', current_setting('x.y'),
        'note', 'thanks, bye', 'user', jsonb_build_object('id', p_user_id, 'ref', p_ref)
    );
end $$;
"""


def test_an_object_has_all_its_fields(conn: Conn, nobody: Nobody) -> None:
    made = move(conn, nobody, ONE + OBJECT)
    assert made["legacy.deduct_credits(uuid, integer, text)"] == "charges (shard is null)"

    (told,) = asked(conn, "select legacy.deduct_credits(%s, 7, 'r')", ME)

    assert told.pop("at")
    assert told == {
        "success": True, "transactionId": str(latest(conn).transaction_id), "newBalance": 53,
        "previous_balance": 60, "total_consumed": 47, "nickname": "gold", "creditsUsed": 7,
        "shard": None, "note": "thanks, bye", "user": {"id": str(ME), "ref": "r"},
        # As version 0.1.0 told it.
        "remaining_balance": 53, "new_balance": 53,
    }  # fmt: skip
    (told,) = asked(conn, "select legacy.deduct_credits(%s, 54)", ME)
    assert told == {
        "success": False, "code": 402, "error": "Not enough credits", "required": 54,
        "available": 53, "remaining_balance": 53,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "body", "asks", "expected"),
    [
        # A row of the balances, one and as a set.
        ("deduct_credits(p_user_id uuid, p_amount int) returns user_credits",
         "declare v_row user_credits; begin update user_credits set balance = balance - p_amount"
         " where user_id = p_user_id returning * into v_row; return v_row; end",
         "select balance, nickname from legacy.deduct_credits(%s, 5)", (55, "gold")),
        ("deduct_credits(p_user_id uuid, p_amount int) returns setof user_credits",
         "begin return query update user_credits as c set balance = c.balance - p_amount"
         " where c.user_id = p_user_id returning *; end",
         "select balance, nickname from legacy.deduct_credits(%s, 5)", (55, "gold")),
        # A row of the history is the ledger's.
        ("deduct_credits(p_user_id uuid, p_amount int) returns credit_transactions",
         "declare v_row credit_transactions; begin insert into credit_transactions (user_id, type,"
         " amount) values (p_user_id, 'usage', -p_amount) returning * into v_row;"
         " return v_row; end",
         "select amount, type from legacy.deduct_credits(%s, 5)", (-5, "usage")),
        # Arguments that go out, wherever they stand.
        ("deduct_credits(out new_balance int, p_user_id uuid, p_amount int, out ok boolean)",
         "begin update user_credits set balance = balance - p_amount where user_id = p_user_id"
         " returning balance into new_balance; ok := true; end",
         "select new_balance, ok from legacy.deduct_credits(%s, 5)", (55, True)),
        # What a text in SQL returns.
        ("deduct_credits(p_user_id uuid, p_amount int) returns table (left_over int, taken int)",
         "update user_credits set balance = balance - p_amount where user_id = p_user_id"
         " returning balance, p_amount",
         "select left_over, taken from legacy.deduct_credits(%s, 5)", (55, 5)),
        # The amount, not the balance; a count of rows.
        ("add_credits(p_user_id uuid, p_amount int) returns int",
         "begin update user_credits set balance = balance + p_amount where user_id = p_user_id;"
         " return p_amount; end",
         "select legacy.add_credits(%s, 5)", (5,)),
        ("add_credits(p_user_id uuid, p_amount int) returns int",
         "declare v_rows int; begin update user_credits set balance = balance + p_amount"
         " where user_id = p_user_id; get diagnostics v_rows = row_count; return v_rows; end",
         "select legacy.add_credits(%s, 5)", (1,)),
        ("add_credits(p_user_id uuid, p_amount numeric) returns numeric",
         "declare v numeric; begin update user_credits set balance = balance + p_amount"
         " where user_id = p_user_id returning balance into v; return v; end",
         "select legacy.add_credits(%s, 5)", (Decimal(65),)),
        # Who says no by a word.
        ("deduct_credits(p_user_id uuid, p_amount int) returns table (ok boolean, credits int)",
         "begin if (select balance from user_credits where user_id = p_user_id) < p_amount then"
         " return query select false, balance from user_credits where user_id = p_user_id; return;"
         " end if; update user_credits set balance = balance - p_amount where user_id = p_user_id;"
         " return query select true, balance from user_credits where user_id = p_user_id; end",
         "select * from legacy.deduct_credits(%s, 61)", (False, 60)),
        # One statement returns both answers.
        *(
            ("deduct_credits(p_user_id uuid, p_amount int)"
             " returns table (success boolean, new_balance int, message text)",
             "declare v_ok boolean; v_left int; v_said text; begin update user_credits as c"
             " set balance = c.balance - p_amount where c.user_id = p_user_id"
             " and c.balance >= p_amount returning c.balance into v_left; if found then"
             " v_ok := true; v_said := 'Done'; else v_ok := false; v_said := 'Too little'; end if;"
             " return query select v_ok, v_left, v_said; end",
             f"select * from legacy.deduct_credits(%s, {amount})", expected)
            for amount, expected in ((5, (True, 55, "Done")), (61, (False, 60, "Too little")))
        ),
        # No row, and a number below 0.
        ("deduct_credits(p_user_id uuid, p_amount int) returns int",
         "update user_credits set balance = balance - p_amount where user_id = p_user_id"
         " and balance >= p_amount returning balance",
         "select legacy.deduct_credits(%s, 61)", (None,)),
        ("deduct_credits(p_user_id uuid, p_amount int) returns int",
         "begin if (select balance from user_credits where user_id = p_user_id) < p_amount then"
         " return -1; end if; update user_credits set balance = balance - p_amount"
         " where user_id = p_user_id; return 1; end",
         "select legacy.deduct_credits(%s, 61)", (-1,)),
        # A name that tells nothing, of a function that writes balances by a type.
        ("record_credit_transaction(p_user_id uuid, p_amount int, p_type text) returns int",
         "declare v int; begin update user_credits set balance = balance + p_amount"
         " where user_id = p_user_id returning balance into v; return v; end",
         "select legacy.record_credit_transaction(%s, -5, 'usage')", (55,)),
        # Why is told in words.
        ("add_credits(p_user_id uuid, p_amount int, p_reason text) returns int",
         "declare v int; begin update user_credits set balance = balance + p_amount"
         " where user_id = p_user_id returning balance into v; return v; end",
         "select legacy.add_credits(%s, 5, 'Generation failed: refund')", (60,)),
        ("add_credits(p_user_id uuid, p_amount int, p_reason text) returns int",
         "declare v int; begin update user_credits set balance = balance + p_amount"
         " where user_id = p_user_id returning balance into v; return v; end",
         "select legacy.add_credits(%s, 5, 'Video generation contest')", (65,)),
    ],
)  # fmt: skip
def test_what_functions_return(
    conn: Conn, nobody: Nobody, declared: str, body: str, asks: str, expected: Any
) -> None:
    language = "sql" if body.startswith("update") else "plpgsql"
    made = f"create function {declared} language {language} as $${body}$$;"
    does = move(conn, nobody, ONE + made)

    assert asked(conn, asks, ME) == expected
    assert "null" not in str(does)


def test_a_refund_names_the_transaction_that_the_charge_has_told(
    conn: Conn, nobody: Nobody
) -> None:
    move(
        conn,
        nobody,
        ONE + OBJECT + "create function refund_credits(p_user_id uuid, p_amount int,"
        " p_transaction_id uuid) returns boolean language plpgsql as $$ begin"
        " update user_credits set balance = balance + p_amount where user_id = p_user_id;"
        " return true; end $$;",
    )
    charges = [
        asked(conn, "select legacy.deduct_credits(%s, 7) ->> 'transactionId'", ME)[0]
        for _ in range(3)
    ]

    refunds = [
        asked(conn, "select legacy.refund_credits(%s, %s, %s)", ME, part, charges[1])[0]
        for part in (3, 3, 3, 3)
    ]

    assert refunds == [True, True, True, False]
    found = [row for row in rows(conn, "get_user_transactions", ME) if row.refund_of]
    assert {str(row.refund_of) for row in found} == {charges[1]}
    assert sum(row.credits for row in found) == 7


@pytest.mark.parametrize("result", ["user_credits", "setof user_credits"])
def test_a_row_is_returned_where_the_table_is_a_view_to_write(
    conn: Conn, nobody: Nobody, result: str
) -> None:
    conn.execute(
        ONE + f"create function deduct_credits(p_user_id uuid, p_amount int) returns {result}"
        " language plpgsql as $$ declare v user_credits; begin update user_credits"
        " set balance = balance - p_amount where user_id = p_user_id returning * into v;"
        f" {'return next v' if 'setof' in result else 'return v'}; end $$;"
    )
    plan = inspect(conn, ["public"]).discovery.plan
    plan = replace(plan, balances=tuple(replace(one, writable=True) for one in plan.balances))
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    assert asked(conn, "select balance, nickname from legacy.deduct_credits(%s, 5)", ME) == (
        55, "gold",
    )  # fmt: skip
    conn.execute("update user_credits set balance = balance - 5")
    assert asked(conn, "select balance from legacy.deduct_credits(%s, 5)", ME) == (45,)


def test_a_source_says_what_was_paid_for(conn: Conn, nobody: Nobody) -> None:
    move(
        conn,
        nobody,
        ONE
        + "create function add_credits(p_user_id uuid, p_amount int, p_source text) returns void"
        " language sql as $$ update user_credits set balance = balance + p_amount"
        " where user_id = p_user_id $$;",
    )
    for word, source in (("stripe_purchase", "purchase"), ("contest", "adjustment"), (None, None)):
        conn.execute("select legacy.add_credits(%s, 5, %s)", [ME, word])
        assert (latest(conn).source, latest(conn).credits) == (source or "adjustment", 5)


def test_a_reset_tells_how_many_users_it_served(conn: Conn, nobody: Nobody) -> None:
    conn.execute(systems.PLANS)
    move(
        conn,
        nobody,
        ONE
        + "create function reset_credits() returns int language plpgsql as $$ declare v int; begin"
        " update user_credits set balance = 50; get diagnostics v = row_count; return v; end $$;",
    )
    for _ in range(3):
        call(conn, "set_user_plan", new_user(), "pro")
    conn.execute(
        "update credits.user_credits set next_due_at = now(), next_allowance_at = now(),"
        " allowance_month = '1970-01-01' where plan = 'pro'"
    )

    assert asked(conn, "select legacy.reset_credits()") == (3,)


def test_words_of_the_plan_count_before_those_that_are_usual(conn: Conn, nobody: Nobody) -> None:
    """Buying something with credits is a purchase, too."""
    conn.execute(
        ONE.replace("'usage'", "'purchase_item'")
        + "create function update_credits(p_user_id uuid, p_amount int, p_type text)"
        " returns void language plpgsql as $$ begin update user_credits"
        " set balance = balance + p_amount where user_id = p_user_id; end $$;"
    )
    plan = inspect(conn, ["public"]).discovery.plan
    (history,) = plan.history
    plan = replace(
        plan,
        undecided=(),
        history=(replace(history, kinds={"purchase": "grant", "purchase_item": "charge"}),),
    )
    run(conn, plan, nobody)
    install(conn, plan, "legacy")

    conn.execute("select legacy.update_credits(%s, 5, 'Purchase item')", [ME])

    assert latest(conn).credits == -5


def test_a_function_whose_text_belies_its_name_is_not_made(conn: Conn, nobody: Nobody) -> None:
    """Who is paid back a purchase loses its credits; who counts what was used moves none."""
    texts = {
        "refund_purchase_credits": "balance = balance - p_amount",
        "take_back_credits": "balance = greatest(coalesce(w.balance, 0) - p_amount, 0)",
        "add_credits_debt": "balance = w.balance-p_amount",
        "use_referral_credits": "balance = balance + p_amount",
        "increment_credits_used": "used = used + p_amount",
        # These are what they are called.
        "refund_credits": "balance = balance + p_amount, used = used - p_amount",
        "spend_credits": "balance = w.balance - p_amount, used = used + p_amount",
    }
    functions = "".join(
        f"create function {name}(p_user_id uuid, p_amount integer) returns void language sql as"
        f" $$ update wallets as w set {text} where user_id = p_user_id $$;"
        for name, text in texts.items()
    )

    made = move(
        conn, nobody,
        "create table wallets (user_id uuid primary key, balance int not null, used int default 0);"
        f"{functions} insert into wallets values ('{ME}', 100);",
    )  # fmt: skip

    wrong = "NOT made, write it by hand: it is not understood"
    assert [made[f"legacy.{name}(uuid, integer)"] for name in texts] == [
        *[wrong] * 5, "refunds a charge once", "charges",
    ]  # fmt: skip
